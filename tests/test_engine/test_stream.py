import json
import shutil
from copy import deepcopy
from pathlib import Path

import pytest
import torch

import lhl
from lhl.engine import config_hash, read_checkpoint, train_stream, weights_digest, write_checkpoint
from lhl.errors import CheckpointError, ConfigError, DataError, RunError
from lhl.evaluation import Results
from test_engine.tiny_stream import FOLDERS, STREAM, listing, stream_config

METRICS = dict(segmentation=['mIoU', 'PixAcc'], depth=['AbsErr', 'RelErr'],
               normal=['mean', 'median', 'within_11.25', 'within_22.5', 'within_30'])


@pytest.fixture
def run(finished, tmp_path):
    """A copy of a finished run of HAD, and its config."""
    cfg, folder = finished('HAD')
    shutil.copytree(folder, tmp_path / 'run')
    cfg = deepcopy(cfg)
    cfg.work_dir = str(tmp_path / 'run')
    return cfg


def refused(cfg, error, message, resume=False):
    """Check that a run is refused in one sentence and that nothing on the disk changes."""
    before = listing(cfg.work_dir)
    with pytest.raises(error, match=message) as caught:
        train_stream(cfg, resume)
    assert listing(cfg.work_dir) == before
    assert '\n' not in str(caught.value)


# ---- what a run leaves behind --------------------------------------------------------------------------------------

def test_the_results_are_as_documented(finished):
    cfg, run = finished('HAD')
    document = json.loads((run / 'results.json').read_text())
    assert (document['format'], document['version'], document['method'], document['seed']) == (
        'lhl-results', 2, 'HAD', 0)
    assert document['stream'] == list(STREAM)
    assert document['config'] == cfg.filename and document['config_hash'] == config_hash(cfg)
    assert document['versions']['lhl'] == lhl.__version__ and document['versions']['torch'] == torch.__version__
    assert {task: list(better) for task, better in document['higher_is_better'].items()} == METRICS
    assert [task for better in document['higher_is_better'].values() for task, up in better.items() if up] == [
        'mIoU', 'PixAcc', 'within_11.25', 'within_22.5', 'within_30']
    for index, phase in enumerate(document['phases'], 1):
        assert (phase['phase'], phase['tasks']) == (index, [STREAM[index - 1]])
        assert {task: list(values) for task, values in phase['metrics'].items()} == {
            task: METRICS[task] for task in STREAM[:index]}
        assert all(isinstance(value, float) for values in phase['metrics'].values() for value in values.values())
        assert phase['seconds'] > 0 and phase['peak_memory_mib'] > 50
        assert phase['checkpoint'] == f'{FOLDERS[index - 1]}/phase.pth'
        assert phase['weights_sha256'] == weights_digest(read_checkpoint(run / phase['checkpoint'])['state_dict'])
    assert len(document['phases']) == 3


def test_a_run_leaves_no_temporary_files(finished):
    for method in ('Vanilla', 'HAD'):
        assert not [name for name in listing(finished(method)[1]) if 'tmp' in name]


def test_each_phase_keeps_its_last_training_checkpoint_only(finished):
    for folder in FOLDERS:
        assert {path.name for path in (finished('HAD')[1] / folder).glob('*.pth')} == {'epoch_2.pth', 'phase.pth'}


def test_the_same_config_gives_the_same_run(finished, tmp_path):
    cfg, run = finished('DIS')
    again = deepcopy(cfg)
    again.work_dir = str(tmp_path / 'again')
    first, second = Results.load(run), train_stream(again)
    assert [phase.weights_sha256 for phase in first.phases] == [phase.weights_sha256 for phase in second.phases]
    assert [phase.metrics for phase in first.phases] == [phase.metrics for phase in second.phases]


def test_the_config_is_left_as_it_is(tmp_path, data_root):
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', phases=[dict(task='depth')],
                        train_cfg__max_epochs=1)
    before = deepcopy(cfg.to_dict())
    train_stream(cfg)
    assert cfg.to_dict() == before


# ---- what is refused -----------------------------------------------------------------------------------------------

def test_a_folder_with_another_run_is_refused(run):
    for resume in (False, True):
        for key, value in (('method.alpha', 2.0), ('randomness.seed', 1)):
            other = deepcopy(run)
            other.merge_from_dict({key: value})
            refused(other, RunError, r'holds a run of another config, seed or .*choose another --work-dir', resume)


def test_a_start_that_failed_before_anything_was_computed_does_not_hold_the_folder(finished, tmp_path):
    cfg = deepcopy(finished('HAD')[0])
    cfg.work_dir = str(tmp_path / 'run')
    broken = deepcopy(cfg)
    broken.train_dataloader.dataset.data_root = str(tmp_path / 'nowhere')
    with pytest.raises(DataError, match='nowhere'):
        train_stream(broken)
    assert Results.load(tmp_path / 'run').phases == []
    # Another config, and without --resume: there is nothing to lose.
    assert train_stream(cfg).finished


def test_the_same_run_without_resume_is_refused(run):
    refused(run, RunError, 'with 3 of 3 phases done; add --resume')


def test_resuming_where_there_is_nothing_is_refused(finished, tmp_path):
    cfg = deepcopy(finished('HAD')[0])
    cfg.work_dir = str(tmp_path / 'nothing')
    refused(cfg, RunError, r'--resume found no results.json in .*nothing; leave --resume away', resume=True)
    assert not (tmp_path / 'nothing').exists()


@pytest.mark.parametrize('content', ['', '{"format": "lhl-results", "ver', '[1, 2]', '{"format": "other"}'])
def test_damaged_results_are_refused(run, content):
    Path(run.work_dir, 'results.json').write_text(content)
    for resume in (False, True):
        refused(run, RunError, r'results\.json', resume)


def test_a_changed_checkpoint_of_a_finished_phase_is_refused(run):
    path = Path(run.work_dir, FOLDERS[0], 'phase.pth')
    checkpoint = read_checkpoint(path)
    checkpoint['state_dict']['heads.segmentation.output.bias'][0] += 1e-3
    write_checkpoint(checkpoint, path)
    refused(run, CheckpointError, r'phase1_segmentation/phase\.pth is not the checkpoint that results\.json records',
            resume=True)


@pytest.mark.parametrize('damage', [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:999])])
def test_a_lost_checkpoint_of_a_finished_phase_is_refused(run, damage):
    damage(Path(run.work_dir, FOLDERS[1], 'phase.pth'))
    refused(run, CheckpointError, r'phase2_depth/phase\.pth (does not exist|cannot be read)', resume=True)


def test_an_unknown_launcher_is_refused(finished, tmp_path):
    cfg = deepcopy(finished('HAD')[0])
    cfg.work_dir, cfg.launcher = str(tmp_path / 'run'), 'torchrun'
    refused(cfg, ConfigError, "launcher='torchrun' is unknown; use one of none, pytorch, slurm, mpi")


# ---- resuming ------------------------------------------------------------------------------------------------------

def test_resuming_a_finished_run_changes_nothing(run):
    before = listing(run.work_dir)
    results = train_stream(run, resume=True)
    assert results == Results.load(run.work_dir) and results.finished
    assert listing(run.work_dir) == before


def test_a_run_that_lost_its_last_phase_is_completed_to_the_same_weights(run):
    whole = Results.load(run.work_dir)
    shutil.rmtree(Path(run.work_dir, FOLDERS[2]))
    document = json.loads(Path(run.work_dir, 'results.json').read_text())
    document['phases'].pop()
    Path(run.work_dir, 'results.json').write_text(json.dumps(document))
    resumed = train_stream(run, resume=True)
    assert [p.weights_sha256 for p in resumed.phases] == [p.weights_sha256 for p in whole.phases]
    assert [p.metrics for p in resumed.phases] == [p.metrics for p in whole.phases]


def test_a_phase_stopped_between_its_training_and_its_record_is_recorded_as_it_was(run):
    whole = Results.load(run.work_dir)
    document = json.loads(Path(run.work_dir, 'results.json').read_text())
    document['phases'].pop()
    Path(run.work_dir, 'results.json').write_text(json.dumps(document))
    Path(run.work_dir, FOLDERS[2], 'phase.pth').unlink()
    resumed = train_stream(run, resume=True)
    assert resumed.phases[2].weights_sha256 == whole.phases[2].weights_sha256
    assert resumed.phases[2].metrics == whole.phases[2].metrics


def test_a_run_whose_data_was_missing_is_resumed_when_it_is_there(finished, tmp_path, data_root):
    cfg = stream_config(tmp_path / 'c.py', tmp_path / 'data', tmp_path / 'run', phases=[dict(task='depth')],
                        train_cfg__max_epochs=1)
    with pytest.raises(DataError, match='data_root .* is not a folder'):
        train_stream(cfg)
    shutil.copytree(data_root, tmp_path / 'data')
    assert train_stream(cfg, resume=True).finished
