import math

import pytest

from lhl.engine import write_checkpoint
from lhl.engine.sources.phase_file import read_phase
from lhl.errors import CheckpointError
from lhl.evaluation import Results
from test_engine.tiny_stream import FOLDERS, STREAM


def test_a_phase_stands_for_all_that_its_learner_can_do(finished):
    cfg, run = finished('HAD')
    source, recorded = read_phase(run / FOLDERS[1] / 'phase.safetensors'), Results.load(run).phases[1]
    phase, = source.phases
    assert phase.entry == dict(trained_by='HAD', tasks=list(STREAM[:2])) and list(source.tasks) == list(STREAM[:2])
    assert phase.val_dataloaders == {name: cfg.val_dataloader.to_dict() for name in STREAM[:2]}
    assert (phase.results.weights_sha256, phase.results.parameters, phase.results.backbone) == (
        recorded.weights_sha256, recorded.parameters, recorded.backbone)
    assert math.isnan(phase.results.seconds) and phase.results.metrics == {name: {} for name in STREAM[:2]}
    assert (source.seed, source.stream, source.config_hash) == (0, None, '') and 'tasks' not in source.model


def test_of_one_task_it_is_written_as_a_task(finished):
    source = read_phase(finished('HAD')[1] / FOLDERS[0] / 'phase.safetensors')
    assert source.phases[0].entry == dict(trained_by='HAD', task='segmentation')


def test_another_checkpoint_is_refused_with_what_mmsegmentations_need(tmp_path):
    write_checkpoint(dict(state_dict={}), tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='is no phase.safetensors of lhl; to extend a checkpoint of '
                                              'mmsegmentation give its config, too, as `segmentor_config`'):
        read_phase(tmp_path / 'a.pth')
