"""What is built once before anything is written: optimizers, schedules, hooks, metrics, the learner with its heads."""
import logging

import pytest
import torch
from mmengine.logging import MMLogger

from lhl.engine import Stream
from lhl.errors import ConfigError
from lhl.registry import MODELS
from test_engine.tiny_stream import WHOLE_RESNET, stream_config


@pytest.fixture
def problems(tmp_path, data_root):
    """The sentences with which a config of the tiny stream is refused."""
    def found(**options):
        with pytest.raises(ConfigError) as refusal:
            Stream.from_config(stream_config(
                tmp_path / 'c.py', data_root, tmp_path / 'run', model=WHOLE_RESNET, **options))
        return refusal.value.problems
    return found


@pytest.mark.parametrize('options, sentence', [
    (dict(optim_wrapper__optimizer=dict(_delete_=True, type='SGD', lr=0.1, nesterov=True)),
     'optim_wrapper cannot be used (ValueError: Nesterov momentum requires a momentum'),
    (dict(phases__1__optim_wrapper=dict(clip_grad=dict(type='value'))),
     'phases[1].optim_wrapper cannot be used (TypeError: '),
    (dict(param_scheduler=dict(_delete_=True, type='LinearLR', begin=5, end=3)),
     'param_scheduler cannot be used (ValueError: end should be larger than begin'),
    (dict(custom_hooks=[dict(type='EMAHook', momentum=7.0)]), 'custom_hooks[0] cannot be built (AssertionError: '),
    (dict(custom_hooks=[dict(type='EMAHook', priority='HIGHEST ')]), 'custom_hooks[0] cannot be built ('),
    (dict(default_hooks__logger__interval=0), 'default_hooks.logger cannot be built (ValueError: '),
    (dict(tasks__depth__metrics=[dict(type='DepthMetric', names=['rmes'])]),
     "DepthMetric of task 'depth' has no metric 'rmes'; did you mean 'rmse'"),
    (dict(model__backbone__depth=19),
     'model: ResNet cannot be built with its heads, or run on a 64x64 image (KeyError'),
    (dict(model__head__in_channels=65), 'expected input[2, 64, 1, 1] to have 65 channels, but got 64'),
    (dict(model__head__init_cfg=dict(type='Kaiming', layer='Conv2d', nonlinearity='rellu')),
     "model.head.init_cfg.nonlinearity is 'rellu', which is unknown; did you mean 'relu'"),
    (dict(phases__1__backbone=dict(out_indices=(3, 9))), 'phases[1].backbone: ResNet cannot be built with its heads'),
])
def test_what_another_package_refuses_is_one_sentence_with_its_place(problems, options, sentence):
    found = problems(**options)
    assert len(found) == 1 and sentence in found[0]


def test_what_is_built_and_what_is_named_are_told_together(problems):
    assert [sentence.split(' ')[0] for sentence in problems(
        method__alpha=-1, train_cfg__max_epochs=0, custom_hooks=[dict(type='EMAHook', momentum=7.0)])] == [
            'method.alpha', 'train_cfg.max_epochs', 'custom_hooks[0]']


def test_looking_leaves_no_trace_in_the_random_numbers(tmp_path, data_root):
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', model=WHOLE_RESNET,
                        model__backbone__base_channels=24,
                        model__head__in_channels=192)  # a learner that was not built before
    torch.manual_seed(0)
    Stream.from_config(cfg)
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1))


def test_a_logger_that_was_silent_while_looking_speaks_again(tmp_path, data_root, monkeypatch):
    """mmengine's loggers keep what they are enabled for in a cache of their own, which logging does not clear."""
    logger = MMLogger.get_instance('silent_while_looking')
    build, silent = MODELS.build, []

    def heard(*arguments, **options):
        silent.append(not logger.isEnabledFor(logging.INFO))
        return build(*arguments, **options)
    monkeypatch.setattr(MODELS, 'build', heard)
    try:
        Stream.from_config(stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', model=WHOLE_RESNET,
                                         model__head__in_channels=320,
                                         model__backbone__base_channels=40))  # a learner that was not built before
        assert any(silent) and logger.isEnabledFor(logging.INFO)
    finally:
        del MMLogger._instance_dict['silent_while_looking']


def test_no_weight_is_drawn_for_a_network_that_is_only_tried(monkeypatch, tmp_path, data_root):
    """Drawing them takes longer than all else, and nobody looks at what the network says."""
    monkeypatch.setattr('lhl.engine.plan.trial._BUILT', {})
    values, before = [], torch.get_rng_state()
    hook = torch.nn.modules.module.register_module_forward_hook(
        lambda module, inputs, output: values.append(module.weight.unique().numel())
        if isinstance(module, torch.nn.Conv2d) else None)
    try:
        Stream.from_config(stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', model=WHOLE_RESNET))
    finally:
        hook.remove()
    assert len(values) > 10 and set(values) == {1}
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.nn.Conv2d(3, 8, 3).weight.unique().numel() > 200
