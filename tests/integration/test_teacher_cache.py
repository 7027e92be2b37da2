"""What a teacher remembers changes nothing, whatever asks it, wherever it is kept, and whenever it is killed."""
import signal

import pytest
from test_engine.tiny_stream import FOLDERS, ROOT, run_tool, stream_config, write_config

from lhl.engine import train_stream
from lhl.evaluation import Results

#: Nine images of a phase, as they are or mirrored: four batches of two in each of three epochs, which leave one out.
FEW_VARIANTS = dict(
    train_dataloader__dataset__pipeline=[dict(type='RandomHorizontalFlip'), dict(type='PackSample')],
    train_cfg__max_epochs=3, phases=[dict(task='segmentation', train_cfg=dict(max_epochs=1)), dict(task='depth')])
ASKING = dict(
    HAD={}, LwF=dict(method=dict(type='LwF', weight=1.0)),
    LwP=dict(method=dict(type='LwP', alpha=1.0, distance_weight=0.1, group_threshold=0.9)),
    second_stage=dict(method=dict(type='TwoStageDistillation', alpha=1.0, optimizer=dict(type='Adam', lr=1e-3))),
    Combined=dict(method=dict(type='Combined', methods=[dict(type='DIS', alpha=1.0), dict(type='LwF', weight=1.0)])),
    accumulated=dict(optim_wrapper__accumulative_counts=2))


def digests(folder):
    return [phase.weights_sha256 for phase in Results.load(folder).phases]


def trained(tmp_path, data_root, name, method=None, **options):
    cfg = stream_config(tmp_path / f'{name}.py', data_root, tmp_path / name, **FEW_VARIANTS, **options,
                        log_level='INFO')
    cfg.method = method or cfg.method
    train_stream(cfg)
    log = ''.join(path.read_text() for path in sorted((tmp_path / name).rglob('*.log')))
    return digests(tmp_path / name), log


@pytest.mark.parametrize('method', ['HAD', *(pytest.param(name, marks=pytest.mark.slow)
                                             for name in ASKING if name != 'HAD')])
def test_training_is_the_same_with_and_without_the_cache(tmp_path, data_root, method):
    without, log = trained(tmp_path, data_root, 'without', **ASKING[method], teacher=dict(cache='off'))
    assert "answers are not kept: teacher.cache='off'" in log
    for name, options in dict(memory={}, disk=dict(teacher=dict(memory_gib=0))).items():
        found, log = trained(tmp_path, data_root, name, **ASKING[method], **options)
        assert found == without and log.count('answers are kept in') == 1
        assert not list((tmp_path / name).rglob('.teacher*'))


@pytest.mark.slow
def test_a_run_killed_while_its_teacher_remembers_ends_alike_and_leaves_nothing(tmp_path, data_root):
    whole, _ = trained(tmp_path, data_root, 'whole')
    extra = ("custom_imports = dict(imports=['integration.kill_hook'])\ncustom_hooks = [dict(type='KillHook')]\n"
             "teacher = dict(memory_gib=0)\ntrain_dataloader['dataset']['pipeline'] = "
             "[dict(type='RandomHorizontalFlip'), dict(type='PackSample')]\ntrain_cfg = dict(max_epochs=3)\n"
             "phases = [dict(task='segmentation', train_cfg=dict(max_epochs=1)), dict(task='depth')]\n")
    command = (ROOT / 'tools/train.py', write_config(tmp_path / 'c.py', data_root, extra=extra),
               '--work-dir', tmp_path / 'run')
    killed = run_tool(*command, KILL_AT='2:5')  # in the second epoch
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not list((tmp_path / 'run' / FOLDERS[1]).glob('.teacher*'))
    resumed = run_tool(*command, '--resume')
    assert resumed.returncode == 0, resumed.stderr
    assert digests(tmp_path / 'run') == whole
