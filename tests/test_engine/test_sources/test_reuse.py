import shutil
from copy import deepcopy

import pytest

from lhl.engine import Stream, read_checkpoint, train_stream, write_checkpoint
from lhl.engine.sources.reuse import reusable_phases
from lhl.engine.sources.run import read_run
from lhl.errors import CheckpointError, NotReusableError, RunError
from lhl.evaluation import Results
from test_engine.tiny_stream import FOLDERS


@pytest.fixture
def run(finished, tmp_path):
    """A copy of a finished run of HAD."""
    return shutil.copytree(finished('HAD')[1], tmp_path / 'source')


def changed(cfg, **options):
    cfg = deepcopy(cfg)
    cfg.merge_from_dict({key.replace('__', '.'): value for key, value in options.items()})
    return cfg


def test_all_phases_that_trained_alike_are_found_with_what_they_cost(finished, run):
    found = reusable_phases(Stream.from_config(changed(finished('HAD')[0], phases__2__loss_weight=3.0)), read_run(run))
    assert found == [dict(checkpoint=str(run / phase.checkpoint), ended=True, seconds=phase.seconds,
                          peak_memory_mib=phase.peak_memory_mib, iterations=6, stopped_early='')
                     for phase in Results.load(run).phases[:2]]


def test_of_another_method_the_first_phase_is_found_but_not_its_end(finished, run):
    phase, = reusable_phases(Stream.from_config(finished('DIS')[0]), read_run(run))
    assert (phase['checkpoint'], phase['ended']) == (str(run / FOLDERS[0] / 'phase.safetensors'), False)


@pytest.mark.parametrize('options, num_processes', [(dict(randomness__seed=1), 1), ({}, 2)])
def test_that_no_phase_can_be_reused_is_an_error_of_its_own_kind(finished, run, options, num_processes):
    with pytest.raises(NotReusableError, match='was trained with another config, seed or number of processes') as error:
        reusable_phases(Stream.from_config(changed(finished('HAD')[0], **options)), read_run(run), num_processes)
    assert isinstance(error.value, RunError)


def test_a_run_whose_results_are_of_another_config_is_not_reused(finished, run):
    results = Results.load(run)
    results.config_hash = 'another'
    results.save(run)
    with pytest.raises(NotReusableError):
        reusable_phases(Stream.from_config(finished('HAD')[0]), read_run(run))


@pytest.mark.parametrize('method', ['HAD', 'DIS'])
def test_a_phase_whose_weights_are_not_those_recorded_is_not_reused(finished, run, tmp_path, method):
    path = run / FOLDERS[0] / 'phase.safetensors'
    checkpoint = read_checkpoint(path)
    checkpoint['state_dict']['heads.segmentation.output.bias'][0] += 1e-3
    write_checkpoint(checkpoint, path)
    cfg = changed(finished(method)[0], work_dir=str(tmp_path / 'new'))
    with pytest.raises(CheckpointError, match=r'phase1_segmentation/phase\.safetensors is not the checkpoint that '
                                              r'results\.json records for phase 1'):
        train_stream(cfg, take_over=run)
    assert not (tmp_path / 'new').exists()


def test_a_run_without_a_finished_phase_is_no_source(run):
    results = Results.load(run)
    results.phases.clear()
    results.save(run)
    with pytest.raises(RunError, match='has not finished a phase yet; continue it with `resume=True`'):
        read_run(run)
