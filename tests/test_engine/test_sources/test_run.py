import shutil
from copy import deepcopy

import pytest

from lhl.engine import read_checkpoint, train_stream, write_checkpoint
from lhl.engine.sources.run import read_run, read_source
from lhl.errors import CheckpointError, RunError
from lhl.evaluation import Results
from test_engine.tiny_stream import FOLDERS, STREAM


@pytest.fixture
def run(finished, tmp_path):
    """A copy of a finished run of HAD."""
    return shutil.copytree(finished('HAD')[1], tmp_path / 'run')


def test_a_run_is_a_source_of_the_phases_that_it_has_finished(run, finished):
    results = Results.load(run)
    results.phases.pop()
    results.save(run)
    shutil.rmtree(run / FOLDERS[2])
    source, cfg = read_run(run), finished('HAD')[0]
    assert [phase.entry for phase in source.phases] == [dict(trained_by='HAD', task=name) for name in STREAM[:2]]
    assert [phase.results for phase in source.phases] == results.phases and list(source.tasks) == list(STREAM[:2])
    assert [phase.val_dataloaders for phase in source.phases] == [
        {name: cfg.val_dataloader.to_dict()} for name in STREAM[:2]]
    assert (source.seed, source.config_hash, len(source.stream.phases)) == (0, results.config_hash, 3)
    assert source.starts_from == results.phases[1].weights_sha256
    assert source.read_last()['lhl']['phase'] == 2


def test_a_checkpoint_is_compared_with_what_was_recorded_when_it_is_read(run):
    path = run / FOLDERS[2] / 'phase.safetensors'
    checkpoint = read_checkpoint(path)
    checkpoint['state_dict']['heads.normal.output.bias'][0] += 1e-3
    write_checkpoint(checkpoint, path)
    source = read_run(run)
    assert source.phases[0].read()['lhl']['phase'] == 1
    for read in (source.phases[2].read, source.read_last):
        with pytest.raises(CheckpointError, match='is not the checkpoint that results.json records for phase 3; '
                                                  'restore it, or delete the folder of the run and train it again'):
            read()


def test_a_model_for_each_task_is_no_model_of_all(finished, tmp_path):
    cfg = deepcopy(finished('Vanilla')[0])
    cfg.merge_from_dict(dict(method=dict(_delete_=True, type='SingleTask'), work_dir=str(tmp_path / 'models'),
                             phases=[dict(task='segmentation'), dict(task='depth')], train_cfg=dict(max_epochs=1)))
    train_stream(cfg)
    source = read_run(tmp_path / 'models')
    assert source.phases[0].read()
    with pytest.raises(RunError, match='models holds a model for each of its tasks, expected one for all'):
        source.read_last()


def test_a_path_is_a_run_a_phase_or_nothing(run, tmp_path):
    assert len(read_source(run).phases) == 3 and len(read_source(run / FOLDERS[1] / 'phase.safetensors').phases) == 1
    with pytest.raises(CheckpointError, match='nothing does not exist; give the folder of a run, or a phase.safe'):
        read_source(tmp_path / 'nothing')
