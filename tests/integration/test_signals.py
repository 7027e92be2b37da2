import os
import signal

import pytest
from mmengine.runner import ValLoop
from test_engine.tiny_stream import FOLDERS, METHODS, ROOT, run_tool, stream_config, write_config, write_data

from lhl.cli import main
from lhl.engine import train_stream
from lhl.engine.checkpoint import training_checkpoints
from lhl.engine.runtime.hooks import ContinualPhaseHook
from lhl.errors import Interruption
from lhl.evaluation import Results

from .test_distributed import free_port

HOOK = "custom_imports = dict(imports=['integration.gate_hook'])\ncustom_hooks = [dict(type='SignalHook')]\n"
LOADERS = ''.join(f'{name}.update(num_workers=2, persistent_workers=True)\n'
                  for name in ('train_dataloader', 'val_dataloader'))


def digests(run):
    return [phase.weights_sha256 for phase in Results.load(run).phases]


def checkpoints(run, phase):
    return [path.name for path in training_checkpoints(run / FOLDERS[phase - 1])]


def test_a_signal_ends_a_run_after_the_iteration_and_it_is_resumed_exactly_there(finished, tmp_path, data_root):
    """Within an epoch, at its end and in the last one; the loaders' workers get the signals, too."""
    run = tmp_path / 'run'
    command = (ROOT / 'tools/train.py', write_config(tmp_path / 'c.py', data_root, extra=HOOK + LOADERS),
               '--work-dir', run)
    for phase, iteration, name, status, saved in (
            (1, 1, 'SIGTERM', 143, 'epoch_0_iter_2.pth'), (2, 2, 'SIGINT', 130, 'epoch_1.pth'),
            (3, 4, 'SIGUSR1', 143, 'epoch_1_iter_5.pth')):
        stopped = run_tool(*command, *(['--resume'] if phase > 1 else []), SIGNAL_AT=f'{phase}:{iteration}:0',
                           SIGNALS=name)
        assert stopped.returncode == status, stopped.stderr
        assert stopped.stderr.splitlines()[-1] == (
            f'interrupted in phase {phase} after iteration {iteration + 1} of 6, which {run / FOLDERS[phase - 1]}/'
            f'{saved} holds; run the same command with --resume to continue')
        assert checkpoints(run, phase)[0] == saved and len(digests(run)) == phase - 1
    resumed = run_tool(*command, '--resume')
    assert resumed.returncode == 0, resumed.stderr
    assert digests(run) == digests(finished('HAD')[1])


def test_a_second_signal_ends_a_run_at_once(tmp_path, data_root):
    config = write_config(tmp_path / 'c.py', data_root, extra=HOOK)
    killed = run_tool(ROOT / 'tools/train.py', config, '--work-dir', tmp_path / 'run', SIGNAL_AT='1:1:0',
                      SIGNALS='SIGTERM SIGTERM')
    assert killed.returncode == -15 and not checkpoints(tmp_path / 'run', 1)


@pytest.mark.slow
def test_a_signal_to_one_of_two_processes_ends_both_after_the_same_iteration(tmp_path):
    extra = HOOK + "phases = [dict(task='segmentation'), dict(task='depth')]\n"
    config = write_config(tmp_path / 'c.py', write_data(tmp_path / 'data', per_phase=8, val=2), extra=extra)
    tool, run = (ROOT / 'tools/dist_train.sh', config, '2', '--work-dir'), tmp_path / 'run'
    whole = run_tool(*tool, tmp_path / 'whole', PORT=free_port())
    assert whole.returncode == 0, whole.stderr
    stopped = run_tool(*tool, run, PORT=free_port(), SIGNAL_AT='2:0:1', SIGNALS='SIGTERM')
    assert stopped.returncode != 0 and stopped.stderr.count('interrupted in phase 2 after iteration 2 of 6') == 1
    assert checkpoints(run, 2) == ['epoch_0_iter_2.pth']  # they agree one iteration later
    resumed = run_tool(*tool, run, '--resume', PORT=free_port())
    assert resumed.returncode == 0, resumed.stderr
    assert digests(run) == digests(tmp_path / 'whole')


REPLAY = dict(memory_size=4, replay_batch_size=2)
OTHERS = dict(
    DERpp=dict(type='DERpp', weight=1.0, label_weight=1.0, **REPLAY), SPG=dict(type='SPG'), GPM=dict(type='GPM'),
    EWC=dict(type='EWC', penalty=1.0))


@pytest.mark.parametrize('name', [
    'EWC', *(pytest.param(name, marks=pytest.mark.slow) for name in ('DERpp', 'SPG', 'GPM'))])
def test_what_a_method_gathers_within_an_epoch_is_resumed_exactly(name, tmp_path, data_root, monkeypatch):
    monkeypatch.setitem(METHODS, name, OTHERS[name])
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'whole', name)
    cfg.phases = [dict(task='segmentation'), dict(task='depth')]
    train_stream(cfg)
    cfg.work_dir = str(tmp_path / 'run')
    for phase, iteration in ((1, 4), (2, 1)):
        with monkeypatch.context() as patch, pytest.raises(Interruption):
            def signal_at(hook, runner, batch_idx, data_batch=None, original=ContinualPhaseHook.before_train_iter,
                          at=(phase, iteration)):
                if (runner.phase.index, runner.iter) == at:
                    os.kill(os.getpid(), signal.SIGTERM)
                original(hook, runner, batch_idx, data_batch)
            patch.setattr(ContinualPhaseHook, 'before_train_iter', signal_at)
            train_stream(cfg, resume=phase > 1)
    train_stream(cfg, resume=True)
    assert digests(tmp_path / 'run') == digests(tmp_path / 'whole')


def test_a_signal_in_a_validation_between_epochs_saves_the_weights_as_they_are(tmp_path, data_root, monkeypatch):
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'whole', train_cfg__val_interval=1,
                        phases=[dict(task='segmentation'), dict(task='depth')])
    cfg.default_hooks.checkpoint.interval = 10
    train_stream(cfg)
    cfg.work_dir = str(tmp_path / 'run')

    def run_iter(loop, idx, batch, original=ValLoop.run_iter):
        if loop.runner.phase.index == 2 and idx == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        original(loop, idx, batch)
    with monkeypatch.context() as patch, pytest.raises(Interruption, match=(
            r'in phase 2 after iteration 4 of 8, which \S+/phase2_depth/epoch_1\.pth holds$')) as caught:
        patch.setattr(ValLoop, 'run_iter', run_iter)
        train_stream(cfg)
    assert caught.value.status == 143
    train_stream(cfg, resume=True)
    assert digests(tmp_path / 'run') == digests(tmp_path / 'whole')


def test_a_signal_before_there_is_a_run_does_not_advise_to_resume_it(tmp_path, data_root, monkeypatch, capfd):
    """The data are looked at for minutes, say, before results.json is written."""
    def interrupted(*_):
        os.kill(os.getpid(), signal.SIGTERM)
    run, config = tmp_path / 'run', write_config(tmp_path / 'c.py', data_root)
    monkeypatch.setattr('sys.argv', ['lhl', 'train', str(config), '--work-dir', str(run)])
    monkeypatch.setenv('LOCAL_RANK', '0')
    monkeypatch.setattr('lhl.engine.run.config_hash', interrupted)
    for advice in ('again', 'with --resume'):
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 143
        assert capfd.readouterr().err.splitlines()[-1] == f'interrupted; run the same command {advice} to continue'
        assert run.exists() == (advice == 'with --resume')
        run.mkdir(exist_ok=True)
        Results('HAD', 0, [], '', '', {}, {}).save(run)
