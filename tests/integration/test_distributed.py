import json
import os
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from mmengine.config import Config
from test_engine.tiny_stream import FOLDERS, ROOT, run_tool, write_config, write_data

from lhl.engine import read_checkpoint, train_stream
from lhl.evaluation import Results

#: Batch statistics and dropout depend on how a batch is split; a plain optimizer does not enlarge rounding.
EXTRA = """
model.update(norm_eval=True)
model['head'].update(dropout=0)
train_dataloader.update(batch_size={batch_size})
optim_wrapper = dict(optimizer=dict(_delete_=True, type='SGD', lr=0.01, momentum=0.9))
"""
HOOK = "custom_imports = dict(imports=['integration.gate_hook'])\ncustom_hooks = [dict(type='SignalHook')]\n"


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return str(probe.getsockname()[1])


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """The same stream learned by one process with batches of four, and by two with batches of two."""
    folder = tmp_path_factory.mktemp('distributed')
    data = write_data(folder / 'data', per_phase=8, val=5)
    config = write_config(folder / 'one.py', data, extra=EXTRA.format(batch_size=4))
    cfg = Config.fromfile(config)
    cfg.work_dir = str(folder / 'one')
    train_stream(cfg)
    config = write_config(folder / 'two.py', data, extra=EXTRA.format(batch_size=2))
    finished = run_tool(ROOT / 'tools/dist_train.sh', config, '2', '--work-dir', folder / 'two', PORT=free_port())
    assert finished.returncode == 0, finished.stderr
    return folder / 'one', folder / 'two'


def flat(metrics):
    return {f'{task}/{name}': value for task, values in metrics.items() for name, value in values.items()}


def test_two_processes_learn_the_weights_of_one_with_the_same_global_batch(runs):
    for folder in FOLDERS:
        one, two = (read_checkpoint(run / folder / 'phase.safetensors')['state_dict'] for run in runs)
        assert list(one) == list(two)
        differences = {name: (one[name].double() - two[name].double()).abs().max().item() for name in one}
        assert max(differences.values()) < 1e-5, max(differences, key=differences.get)


def test_the_weights_were_learned_and_not_only_initialised_alike(runs):
    first, second = (read_checkpoint(runs[1] / folder / 'phase.safetensors')['state_dict'] for folder in FOLDERS[:2])
    moved = max((first[name] - second[name]).abs().max().item() for name in first if name.endswith('weight'))
    assert moved > 1e-3


def test_two_processes_score_as_one_does(runs):
    # Five images on two processes: one of them is drawn twice and must count once.
    one, two = (Results.load(run) for run in runs)
    for phase_of_one, phase_of_two in zip(one.phases, two.phases, strict=True):
        assert flat(phase_of_two.metrics) == pytest.approx(flat(phase_of_one.metrics), abs=1e-2, rel=1e-4)


@pytest.mark.slow
def test_testing_with_two_processes_gives_the_metrics_of_one(runs, tmp_path):
    two = run_tool(ROOT / 'tools/dist_test.sh', runs[1], '2', '--out', tmp_path / 'two.json', PORT=free_port())
    assert two.returncode == 0, two.stderr
    one = run_tool(ROOT / 'tools/test.py', runs[1], '--out', tmp_path / 'one.json')
    assert one.returncode == 0, one.stderr
    found = [flat(json.loads((tmp_path / name).read_text())) for name in ('one.json', 'two.json')]
    assert found[1] == pytest.approx(found[0], rel=1e-6)
    assert found[0] == pytest.approx(flat(Results.load(runs[1]).phases[-1].metrics), rel=1e-6)


@pytest.mark.slow
def test_with_every_kind_of_state_two_processes_equal_one_and_after_a_resume_too(tmp_path):
    """Drawn memories, inverted images, bases, columns over the batch, learned weights: the tool does all methods."""
    several = 'gpm + hcl + derpp + lwp'
    found = equality(tmp_path, '--processes', '2', '--streams', several, 'kdam, learned weights')
    assert set(found[several]) == {'2', '2, resumed'} and set(found[several]['2']) == {'weights', 'state'}


@pytest.mark.slow
def test_with_every_method_two_and_four_processes_equal_one(tmp_path):
    found = equality(tmp_path)
    assert len(found) > 50 and set(found['had']) == {'2', '2, resumed', '4', '4, resumed'}


def equality(folder, *options):
    """Run the tool; all differences, none of which is above 1e-5."""
    finished = run_tool(ROOT / 'tools/benchmarks/distributed_equality.py', *options, '--out', folder / 'found.json',
                        PYTHONWARNINGS='ignore', timeout=1800)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    found = json.loads((folder / 'found.json').read_text())
    assert max(value for columns in found.values() for kinds in columns.values() for value, _ in kinds.values()) <= 1e-5
    return found


# ---- what is told ----------------------------------------------------------------------------------------------------

def sentences(finished):
    """What a person reads at the end of a run: no trace, and each line once."""
    lines = [line for line in finished.stderr.splitlines() if line.startswith(('error', 'interrupted', 'Traceback'))]
    assert 'Traceback' not in finished.stderr and 'ChildFailedError' not in finished.stderr
    return lines


@pytest.mark.slow
def test_an_error_in_all_processes_is_printed_once(tmp_path):
    config = write_config(tmp_path / 'c.py', tmp_path / 'nothing', extra=(
        "model_wrapper_cfg = dict(type='MMFullyShardedDataParallel')\nenv_cfg = dict(dist_cfg=dict(timeout=-1))\n"))
    finished = run_tool(ROOT / 'tools/dist_train.sh', config, '2', '--work-dir', tmp_path / 'run', PORT=free_port())
    assert finished.returncode == 1 and not (tmp_path / 'run').exists()
    timeout, wrapper, *others = sorted(sentences(finished))
    assert len({timeout, wrapper, *others}) == 2 + len(others)
    assert wrapper.startswith("error: model_wrapper_cfg.type='MMFullyShardedDataParallel' is not supported")
    assert timeout.startswith('error: env_cfg.dist_cfg.timeout=-1 is no time')


@pytest.mark.parametrize('count, victim', [
    pytest.param(2, 1, marks=pytest.mark.slow), pytest.param(4, 0, marks=pytest.mark.slow)])
def test_a_killed_process_ends_the_run(tmp_path, count, victim):
    data = write_data(tmp_path / 'data', per_phase=8, val=2)
    config = write_config(tmp_path / 'c.py', data, 'Vanilla', extra=HOOK + "phases = [dict(task='depth')]\n")
    killed = run_tool(ROOT / 'tools/dist_train.sh', config, count, '--work-dir', tmp_path / 'run', PORT=free_port(),
                      SIGNAL_AT=f'1:1:{victim}', SIGNALS='SIGKILL')
    assert killed.returncode == 137
    assert sentences(killed) == [f'error: process {victim} was killed by SIGKILL, as the system does when memory runs '
                                 f'out; run the same command with --resume to continue']


@pytest.mark.slow
def test_a_process_that_hangs_ends_the_run_after_the_timeout(tmp_path):
    data = write_data(tmp_path / 'data', per_phase=8, val=2)
    config = write_config(tmp_path / 'c.py', data, 'Vanilla', extra=HOOK + "env_cfg = dict(dist_cfg=dict(timeout=5))\n")
    stopped = run_tool(ROOT / 'tools/dist_train.sh', config, '2', '--work-dir', tmp_path / 'run', PORT=free_port(),
                       SIGNAL_AT='1:1:1', SIGNALS='SIGSTOP')
    sentence, = sentences(stopped)
    assert stopped.returncode == 1 and sentence.startswith(
        'error: another process of the run is gone, or did not answer within 5 s (')
    assert sentence.endswith('; run the same command with --resume to continue')


@pytest.mark.slow
def test_two_machines_learn_what_one_does_and_each_tells_of_a_lost_process(tmp_path):
    """Two launchers on this machine."""
    data = write_data(tmp_path / 'data', per_phase=8, val=2)
    config = write_config(tmp_path / 'c.py', data, 'Vanilla', extra=HOOK + "phases = [dict(task='depth')]\n")

    def on_two(work_dir, *options, **environment):
        port = free_port()
        with ThreadPoolExecutor() as machines:
            return list(machines.map(lambda rank: run_tool(
                ROOT / 'tools/dist_train.sh', config, '1', '--work-dir', work_dir, *options, NNODES='2',
                NODE_RANK=str(rank), PORT=port, **environment), (0, 1)))

    first, second = on_two(tmp_path / 'two', SIGNAL_AT='1:1:1', SIGNALS='SIGKILL')
    assert sentences(second) == ['error: process 1 was killed by SIGKILL, as the system does when memory runs out; '
                                 'run the same command with --resume to continue']
    sentence, = sentences(first)
    assert sentence.startswith('error: another process of the run is gone') and first.returncode == 1
    assert [machine.returncode for machine in on_two(tmp_path / 'two', '--resume')] == [0, 0]
    one = run_tool(ROOT / 'tools/dist_train.sh', config, '2', '--work-dir', tmp_path / 'one', PORT=free_port())
    assert one.returncode == 0, one.stderr
    shas = [Results.load(tmp_path / name).phases[-1].weights_sha256 for name in ('one', 'two')]
    assert shas[0] == shas[1]


SRUN = """#!/usr/bin/env bash
while [[ $1 == --* ]]; do shift; done
for RANK in 0 1; do SLURM_PROCID=$RANK SLURM_LOCALID=$RANK SLURM_NTASKS=2 "$@" & TASKS+=($!); done
for TASK in "${TASKS[@]}"; do wait "$TASK" || STATUS=$?; done
exit ${STATUS:-0}
"""
SCONTROL = """#!/usr/bin/env bash
if [ "$1" = show ]; then echo 127.0.0.1; else echo "$@" >> "$CALLS"; fi
"""


@pytest.mark.slow
def test_the_batch_script_of_the_documents_queues_itself_again_until_the_run_is_finished(tmp_path):
    """With stand-ins for srun and scontrol."""
    text = (ROOT / 'docs/distributed.md').read_text()
    script, = re.findall(r'```bash\n(#!/usr/bin/env bash\n#SBATCH.*?)```', text, re.S)
    for name, text in dict(srun=SRUN, scontrol=SCONTROL, job=script).items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    config = write_config(tmp_path / 'c.py', write_data(tmp_path / 'data', per_phase=8, val=2), 'Vanilla', extra=HOOK)

    def job(**environment):
        return run_tool(tmp_path / 'job', CONFIG=str(config), WORK_DIR=str(tmp_path / 'run'), SLURM_JOB_ID='4242',
                        SLURM_JOB_NODELIST='node1', CALLS=str(tmp_path / 'calls'), MASTER_PORT=free_port(),
                        PATH=f'{tmp_path}:{os.environ["PATH"]}', **environment)

    for signal_at in ('1:1:0', '2:2:1'):
        timed_out = job(SIGNAL_AT=signal_at, SIGNALS='SIGUSR1')
        assert timed_out.returncode == 143, timed_out.stderr
        sentence, = sentences(timed_out)
        assert sentence.startswith(f'interrupted in phase {signal_at[0]}')
    finished = job()
    assert finished.returncode == 0 and Results.load(tmp_path / 'run').finished, finished.stderr
    assert (tmp_path / 'calls').read_text() == 'requeue 4242\n' * 2
    failed = job()
    assert failed.returncode == 0 and (tmp_path / 'calls').read_text() == 'requeue 4242\n' * 2
