"""What the engine makes of a stream whose tasks share a head: its parts of the data, its weights, its optimizer."""
from pathlib import Path

import pytest
import torch

from lhl.apis.model_size import measure_model_size
from lhl.engine import Stream, read_checkpoint, train_stream
from lhl.engine.runtime.runner import PhaseRunner
from lhl.errors import ConfigError
from lhl.methods import Method
from lhl.registry import DATASETS, MODELS
from test_engine.resolved import phase_config
from test_engine.tiny_images import GROWING, HCL, LINEAR_HEAD, OBJECTS, class_incremental, mixed

SAME = [dict(task=name) for name in OBJECTS]
JOINT = [dict(tasks=list(OBJECTS))]
VANILLA = dict(type='Vanilla')


def part(state, prefix):
    return {name: value for name, value in state.items() if name.startswith(prefix)}


# ---- the config of a phase -----------------------------------------------------------------------------------------

@pytest.mark.parametrize('phases, counts', [(SAME, [8, 8, 8]), (JOINT, [24])])
def test_the_tasks_of_a_head_divide_the_images_by_class_and_not_by_number(phases, counts, tmp_path):
    cfg = class_incremental(tmp_path, VANILLA, phases)
    for index, count in enumerate(counts, 1):
        dataset = phase_config(cfg, index).train_dataloader.dataset
        assert dataset.part == dict(index=0, count=1)
        assert len(DATASETS.build(dataset.to_dict())) == count


def test_a_head_has_a_part_beside_those_of_other_tasks_of_the_same_data(tmp_path):
    cfg = class_incremental(tmp_path, VANILLA, [dict(task='depth'), *SAME])
    cfg.tasks.depth = dict(type='DepthEstimation')
    assert [phase_config(cfg, index).train_dataloader.dataset.part for index in (1, 2, 3, 4)] == [
        dict(index=0, count=2), *[dict(index=1, count=2)] * 3]


def test_a_config_of_a_head_is_named_by_it(tmp_path, data_root):
    cfg = mixed(tmp_path / 'c.py', data_root, tmp_path / 'run', VANILLA)
    Stream.from_config(cfg)
    assert [list(phase_config(cfg, index).model.heads) for index in (1, 2, 3)] == [[], ['objects'], ['objects']]
    cfg.model.heads = dict(objects_1=LINEAR_HEAD)
    with pytest.raises(ConfigError, match="model.heads names the unknown task 'objects_1'; did you mean 'objects'"):
        Stream.from_config(cfg)


@pytest.mark.parametrize('change, message', [
    (dict(tasks__objects_2__labels=[1, 2]), 'both teach the labels 1'),
    (dict(tasks__objects_2__num_classes=7), 'have num_classes=6 and 7'),
    (dict(tasks__objects_2=dict(_delete_=True, type='DepthEstimation'), tasks__objects_1__head='objects_2'),
     'are of the kinds ImageClassification and DepthEstimation'),
])
def test_tasks_that_cannot_share_their_head_are_refused(change, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        Stream.from_config(class_incremental(tmp_path, VANILLA, SAME, **change))


def test_what_a_stream_does_not_learn_may_overlap(tmp_path):
    cfg = class_incremental(tmp_path, VANILLA, SAME)
    cfg.tasks['all'] = dict(type='ImageClassification', num_classes=6, head='objects')
    Stream.from_config(cfg)


# ---- weights -------------------------------------------------------------------------------------------------------

def test_a_shared_head_goes_on_with_what_it_has_learned(tmp_path, monkeypatch):
    start, begin = {}, Method.begin_phase

    def record(method, learner, phase):
        start[phase.index] = {name: value.clone() for name, value in learner.state_dict().items()}
        begin(method, learner, phase)
    monkeypatch.setattr(Method, 'begin_phase', record)
    cfg = class_incremental(tmp_path / 'run', VANILLA, SAME[:2])
    results = train_stream(cfg)
    trained = [read_checkpoint(Path(cfg.work_dir, phase.checkpoint))['state_dict'] for phase in results.phases]
    assert set(part(trained[1], 'heads.')) == {'heads.objects.output.weight', 'heads.objects.output.bias'}
    assert all(torch.equal(trained[0][name], value) for name, value in start[2].items())
    assert not any(torch.equal(trained[1][name], value) for name, value in part(start[2], 'heads.').items())
    assert results.phases[0].parameters == results.phases[1].parameters


def test_a_shared_head_is_the_new_head_of_the_optimizer(tmp_path):
    cfg = class_incremental(tmp_path / 'run', HCL, SAME[:2])
    cfg.phases[1].lr_factors = dict(encoder=1, new_head=5, old_heads=100)
    train_stream(cfg, until=1)
    runner = PhaseRunner.from_cfg(phase_config(cfg, 2))
    groups = runner.build_optim_wrapper(runner.optim_wrapper).optimizer.param_groups
    assert {group['name']: group['lr'] for group in groups} == dict(encoder=1e-3, new_head=5e-3)
    assert len(groups[1]['params']) == 2


def test_a_shared_head_is_adapted_once_and_from_the_first_of_its_phases(tmp_path):
    phases = [GROWING[0], dict(GROWING[1], old_heads='adapted'), dict(GROWING[2], old_heads='adapted')]
    cfg = class_incremental(tmp_path / 'run', HCL, phases)
    heads = phase_config(cfg, 3).model.heads
    assert list(heads) == ['objects'] and heads.objects.type == 'AdaptedHead'
    assert heads.objects.head.in_channels == 42  # of LeNet, half of 84
    assert phase_config(cfg, 3).phase.adapted_heads == dict(objects='heads.objects.head.')
    assert phase_config(cfg, 2).phase.adapted_heads == dict(objects='heads.objects.')
    results = train_stream(cfg)
    states = [read_checkpoint(Path(cfg.work_dir, phase.checkpoint))['state_dict'] for phase in results.phases]
    shapes = [{name: tuple(value.shape) for name, value in part(state, 'heads.').items() if 'output.weight' in name}
              for state in states]
    assert shapes == [{'heads.objects.output.weight': (6, 42, 1, 1)}, *[
        {'heads.objects.head.output.weight': (6, 42, 1, 1)}] * 2]


def test_a_reinitialised_shared_head_is_made_for_the_new_backbone(tmp_path):
    cfg = class_incremental(tmp_path, HCL, [GROWING[0], GROWING[1], dict(GROWING[2], old_heads='adapted')])
    heads = phase_config(cfg, 3).model.heads
    width = MODELS.build(phase_config(cfg, 2).model.to_dict()).heads['objects'].output.in_channels
    assert heads.objects.head.in_channels == width != 42


# ---- size ----------------------------------------------------------------------------------------------------------

def test_separate_models_have_a_head_and_an_encoder_for_each_task(tmp_path):
    size = measure_model_size(class_incremental(tmp_path, VANILLA, SAME), (32, 32))
    assert list(size.heads) == ['objects'] and size.heads['objects'].parameters == 6 * 42 + 6
    encoder = size.backbone.parameters
    assert size.shared.parameters == encoder + 258 and size.separate.parameters == 3 * (encoder + 258)
