import json
import socket

import pytest
from mmengine.config import Config
from test_engine.tiny_stream import FOLDERS, ROOT, STREAM, run_tool, write_config, write_data

from lhl.engine import read_checkpoint, train_stream
from lhl.engine.checkpoint import training_checkpoints
from lhl.evaluation import Results

#: Batch statistics and dropout depend on how a batch is split; a plain optimizer does not enlarge rounding.
EXTRA = """
model.update(norm_eval=True)
model['head'].update(dropout=0)
train_dataloader.update(batch_size={batch_size})
optim_wrapper = dict(optimizer=dict(_delete_=True, type='SGD', lr=0.01, momentum=0.9))
"""


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


def test_testing_with_two_processes_gives_the_metrics_of_one(runs, tmp_path):
    two = run_tool(ROOT / 'tools/dist_test.sh', runs[1], '2', '--out', tmp_path / 'two.json', PORT=free_port())
    assert two.returncode == 0, two.stderr
    one = run_tool(ROOT / 'tools/test.py', runs[1], '--out', tmp_path / 'one.json')
    assert one.returncode == 0, one.stderr
    found = [flat(json.loads((tmp_path / name).read_text())) for name in ('one.json', 'two.json')]
    assert found[1] == pytest.approx(found[0], rel=1e-6)
    assert found[0] == pytest.approx(flat(Results.load(runs[1]).phases[-1].metrics), rel=1e-6)


def test_two_processes_learn_the_same_weights_of_tasks_as_one(tmp_path):
    data, folder = write_data(tmp_path / 'data', per_phase=4, val=2), 'phase1_' + '_'.join(STREAM)
    at_once = (f"phases = [dict(tasks={STREAM!r})]\nmethod = dict(type='Joint', task_weights='learned')\n"
               f"train_cfg = dict(max_epochs=1)\ndefault_hooks = dict(checkpoint=dict(interval=1))\n")
    extra = EXTRA.format(batch_size=4) + at_once
    cfg = Config.fromfile(write_config(tmp_path / 'one.py', data, 'Vanilla', extra=extra))
    cfg.work_dir = str(tmp_path / 'one')
    train_stream(cfg)
    two = write_config(tmp_path / 'two.py', data, 'Vanilla', extra=EXTRA.format(batch_size=2) + at_once)
    finished = run_tool(ROOT / 'tools/dist_train.sh', two, '2', '--work-dir', tmp_path / 'two', PORT=free_port())
    assert finished.returncode == 0, finished.stderr
    numbers = []
    for run in (tmp_path / 'one', tmp_path / 'two'):
        state = read_checkpoint(training_checkpoints(run / folder)[0])['state_dict']
        numbers.append({name: state[f'method_parameters.{name}'].item() for name in STREAM})
    assert numbers[1] == pytest.approx(numbers[0], abs=1e-6) and all(abs(value) > 1e-4 for value in numbers[0].values())
