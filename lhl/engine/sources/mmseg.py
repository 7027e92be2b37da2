"""A segmentor that was trained with mmsegmentation as a source: it becomes a learner with one task.

Its backbone (with its neck) and its decode head stay what they are, so that the learner's logits are the segmentor's on
whole images. Auxiliary heads, losses and the places of pretrained weights are removed.
"""
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from lhl.engine.checkpoint import CHECKPOINT_VERSION, load_weights, weights_of
from lhl.engine.plan.backbones import describe_backbone
from lhl.errors import CheckpointError, ConfigError
from lhl.models import Learner
from lhl.registry import MODELS
from lhl.weight_files import no_pickled_code, read_checkpoint

from .base import Source, SourcePhase, unrecorded_results

#: Height and width of the image on which learner and segmentor are compared.
COMPARED_SIZE = (128, 160)
TOLERANCE = 1e-5
#: What mmengine's and torch's own words are about, where a part of a segmentor cannot be built or run.
_FAILURES = (ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NotImplementedError,
             RuntimeError, TypeError, ValueError)


def read_segmentor(checkpoint: str | Path, cfg: Config, task: str = 'segmentation') -> Source:
    """Make a source of a checkpoint of mmsegmentation.

    Args:
        checkpoint: What mmsegmentation saved, or a state dict of it.
        cfg: The config that it was trained with.
        task: The name of its task.

    Raises:
        ConfigError: If it is no plain encoder and decoder, or a part of it cannot be built.
        CheckpointError: If the checkpoint is unreadable, would run code, or is of another model.
    """
    source, config = Path(checkpoint), str(cfg.filename)
    model = _model(cfg, config)
    saved = read_checkpoint(source)
    if 'lhl' in saved:
        raise CheckpointError(f'{source} is a phase.safetensors of lhl; extend it without `segmentor_config`')
    weights = {key: value for key, value in weights_of(dict(dict(state_dict=saved), **saved), source).items()
               if not key.startswith('auxiliary_head.')}
    segmentor = _build(model, config)
    load_weights(segmentor, weights, source)

    classes = _task(saved.get('meta') or {}, segmentor.num_classes, source)
    described = _learner_config(model, task)
    whole = dict(described, head={}, tasks={task: classes})
    with DefaultScope.overwrite_default_scope('lhl'):
        learner = MODELS.build(whole)
    _check_training(learner, task, config)
    load_weights(learner, {_learner_key(key, task, 'neck' in model): value for key, value in weights.items()}, source)
    _check_same(learner.eval(), segmentor.eval(), task, config)

    state = dict(
        state_dict={key: value.detach().contiguous() for key, value in learner.state_dict().items()}, method={},
        lhl=dict(version=CHECKPOINT_VERSION, phase=1, tasks=[task],
                 model=json.dumps(whole, default=str)))
    phase = SourcePhase(dict(trained_by='mmsegmentation', task=task), {task: None},
                        unrecorded_results(learner, state, describe_backbone(described['backbone'])), state)
    return Source(source, (phase, ), {task: classes}, described)


def _model(cfg: Config, config: str) -> dict:
    """Take what predicts out of the segmentor's config, as it is on one process."""
    model = cfg.to_dict().get('model')
    if not isinstance(model, Mapping) or 'type' not in model:
        raise ConfigError(f'{config} has no model; give the config that the segmentor was trained with')
    name = str(getattr(model['type'], '__name__', model['type']))
    if name.rpartition('.')[2] != 'EncoderDecoder':
        raise ConfigError(f'{config} is of a {name}, expected an EncoderDecoder: one backbone and one decode head')
    model = {key: model[key] for key in ('backbone', 'neck', 'decode_head', 'data_preprocessor')
             if model.get(key) is not None}
    model = _on_one_process(model)
    if not isinstance(model.get('decode_head'), dict):
        raise ConfigError(f'{config} has no single decode head, which is expected of an EncoderDecoder')
    for part in ('backbone', 'neck', 'decode_head'):
        for key in ('pretrained', 'init_cfg'):
            model.get(part, {}).pop(key, None)  # the weights come from the checkpoint
    for key in ('loss_decode', 'sampler'):
        model['decode_head'].pop(key, None)  # the task has its own loss
    kind = model['decode_head']['type']
    if isinstance(kind, str) and '.' not in kind:
        model['decode_head']['type'] = f'mmseg.{kind}'  # lhl has an ASPPHead, too
    return model


def _on_one_process(value: Any) -> Any:
    """Replace the normalisation over several processes by that of one, as mmsegmentation does where there is one."""
    if isinstance(value, Mapping):
        return {key: 'BN' if key == 'type' and entry == 'SyncBN' else _on_one_process(entry)
                for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_on_one_process, value))
    return value


def _build(model: dict, config: str) -> Any:
    """Build the segmentor itself, an ``EncoderDecoder``, to see what it predicts."""
    parts = {key: value for key, value in model.items() if key != 'data_preprocessor'}
    try:
        with DefaultScope.overwrite_default_scope('lhl'), no_pickled_code():
            segmentor = MODELS.build(dict(type='mmseg.EncoderDecoder', **parts))
    except _FAILURES as error:
        reason = ' '.join(str(error).split())
        raise ConfigError(f'the segmentor of {config} cannot be built ({type(error).__name__}: {reason[:200]}); '
                          f'correct it, name its modules in its custom_imports, or take one that needs no compiled '
                          f'operators') from error
    if segmentor.out_channels != segmentor.num_classes:
        raise ConfigError(f'the segmentor of {config} has {segmentor.out_channels} output channel and a threshold for '
                          f'{segmentor.num_classes} classes, expected one channel per class')
    return segmentor


def _learner_config(model: dict, task: str) -> dict:
    """Write the segmentor down as a learner, without its task and the head of others."""
    head = {key: value for key, value in model['decode_head'].items() if key != 'num_classes'}
    backbone = model['backbone']
    if 'neck' in model:
        backbone = dict(type='BackboneWithNeck', backbone=backbone, neck=model['neck'])
    # Some heads cannot run with channels last, and in others rounding adds up: the layout is mmsegmentation's.
    return dict(type='Learner', backbone=backbone, heads={task: dict(type='SegmentorHead', head=head)},
                channels_last=False, data_preprocessor=_preprocessor(model.get('data_preprocessor') or {}))


def _preprocessor(theirs: Mapping) -> dict:
    """Normalise images of RGB in [0, 1] as the segmentor's preprocessor does images of BGR up to 255."""
    flips = theirs.get('bgr_to_rgb', False) or theirs.get('rgb_to_bgr', False)
    mean, std = theirs.get('mean') or [0.0] * 3, theirs.get('std') or [1.0] * 3
    ours = dict(type='DensePreprocessor', mean=[value / 255 for value in mean], std=[value / 255 for value in std],
                channels_last=False)
    return ours if flips else dict(ours, to_bgr=True)


def _learner_key(key: str, task: str, has_neck: bool) -> str:
    """Say what a weight of the segmentor is called in the learner."""
    part, _, rest = key.partition('.')
    if part == 'decode_head':
        return f'heads.{task}.head.{rest}'
    return f'backbone.{key}' if has_neck else key


def _task(meta: Mapping, num_classes: int, source: Path) -> dict:
    """Describe the segmentor's task, with the names and colours of its classes where the checkpoint has them."""
    described = meta.get('dataset_meta') or {key.lower(): meta[key] for key in ('CLASSES', 'PALETTE') if key in meta}
    task = dict(type='SemanticSegmentation', num_classes=num_classes)
    for option in ('classes', 'palette'):
        values = described.get(option)
        if values is None:
            continue
        if len(values) != num_classes:
            raise CheckpointError(f'{source} names {len(values)} {option}, but its config has '
                                  f'num_classes={num_classes}; use the config it was trained with')
        task[option] = [value if isinstance(value, str) else list(map(int, value)) for value in values]
    return task


def _check_training(learner: Learner, task: str, config: str) -> None:
    """Refuse a head that gives something else in training, before its weights are loaded: statistics move."""
    with torch.no_grad():
        learner.train()
        _check_logits(learner, task, config, torch.zeros(2, 3, *COMPARED_SIZE))


def _check_same(learner: Learner, segmentor: Any, task: str, config: str) -> None:
    """Make sure that the learner predicts what the segmentor does."""
    with torch.no_grad():
        images = torch.randn(1, 3, *COMPARED_SIZE, generator=torch.Generator().manual_seed(0))
        ours = _check_logits(learner, task, config, images)
        theirs = segmentor.encode_decode(images, [dict(img_shape=COMPARED_SIZE)])
    difference = (ours - theirs).abs().max() / theirs.abs().max().clamp(min=1)
    if not difference <= TOLERANCE:
        raise ConfigError(f'the decode head of {config} predicts otherwise than by resizing its output: a learner with '
                          f'it differs by {difference:.2g}, expected at most {TOLERANCE:g}; such heads cannot be '
                          f'extended')


def _check_logits(learner: Learner, task: str, config: str, images: torch.Tensor) -> torch.Tensor:
    """Run a learner and see that its head gives one map per class."""
    try:
        logits = learner(images)[task]
    except _FAILURES as error:
        reason = ' '.join(str(error).split())
        raise ConfigError(f'the decode head of {config} gives no single map of logits for a {COMPARED_SIZE[0]}x'
                          f'{COMPARED_SIZE[1]} image ({type(error).__name__}: {reason[:200]}); such heads cannot be '
                          f'extended') from error
    if logits.shape != (len(images), learner.tasks[task].out_channels, *images.shape[-2:]):
        raise ConfigError(f'the decode head of {config} gives logits of shape {tuple(logits.shape)}, expected one '
                          f'channel per class; such heads cannot be extended')
    return logits
