"""Writes the segmentation part of a learner as a segmentor of mmsegmentation: a config and a checkpoint."""
import contextlib
import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.registry import DefaultScope
from torch import Tensor

from lhl.atomic import atomic_write
from lhl.errors import ConfigError
from lhl.models import Learner
from lhl.stored_configs import component_names
from lhl.tasks import Classification

from ..own_data.writing import code

CONFIG, CHECKPOINT = 'segmentor.py', 'segmentor.pth'


def choose_segmentation(learner: Learner, tasks: list[str] | None) -> str:
    """Name the task that becomes a segmentor.

    Raises:
        ConfigError: Unless there is exactly one.
    """
    found = [name for name in tasks or learner.tasks
             if isinstance(learner.tasks[name], Classification) and not learner.tasks[name].image_level]
    if len(found) != 1:
        what = f'several ({", ".join(found)})' if found else f'none among {", ".join(tasks or learner.tasks)}'
        raise ConfigError(f'`format=mmseg` takes one segmentation, found {what}; name one with `tasks`, or use another '
                          f'`format`')
    return found[0]


def write_segmentor(learner: Learner, model: Mapping[str, Any], task: str, size: tuple[int, int] | None,
                    folder: Path) -> None:
    """Write the config and the checkpoint.

    Args:
        learner: What was trained.
        model: Its config.
        task: The segmentation.
        size: At which it was scored.
        folder: Where to.
    """
    head_name, kind = learner.tasks[task].head, learner.tasks[task]
    head = dict((model.get('heads') or {}).get(head_name) or model['head'])
    backbone, neck = dict(model['backbone']), None
    renamed = {'backbone.': 'backbone.'}
    if backbone['type'] == 'BackboneWithNeck':
        backbone, neck = dict(backbone['backbone']), dict(backbone['neck'])
        renamed = {'backbone.backbone.': 'backbone.', 'backbone.neck.': 'neck.'}
    if head['type'] == 'SegmentorHead' and 'in_channels' in head['head']:
        decode_head = dict(head['head'], num_classes=kind.out_channels)
        renamed[f'heads.{head_name}.head.'] = 'decode_head.'
    else:
        built: Any = learner.heads[head_name]
        if head['type'] == 'SegmentorHead':
            raise ConfigError(f'the head of {task} was completed by lhl, and mmsegmentation needs all of its options; '
                              f'give in_channels, in_index and norm_cfg in the config of the head')
        counted = dict(in_channels=_count_of(learner, built)) if head.get('in_channels', 0) is None else {}
        maps = dict(in_index=built.in_index) if hasattr(built, 'in_index') else {}
        decode_head = dict(type='lhl.LearnerDecodeHead', num_classes=kind.out_channels, head=dict(
            head, **counted, **maps))
        renamed[f'heads.{head_name}.'] = 'decode_head.head.'
    backbone['type'] = _scoped(backbone['type'])
    preprocessor = learner.data_preprocessor
    mean, std = ([255 * value for value in getattr(preprocessor, key).flatten().tolist()] for key in ('mean', 'std'))
    described = dict(
        type='EncoderDecoder', backbone=backbone, **(dict(neck=neck) if neck else {}), decode_head=decode_head,
        data_preprocessor=dict(type='SegDataPreProcessor', mean=mean, std=std, bgr_to_rgb=not preprocessor.to_bgr,
                               pad_val=0, seg_pad_val=255),
        train_cfg={}, test_cfg=dict(mode='whole'))
    resize = [dict(type='Resize', scale=(size[1], size[0]), keep_ratio=True)] if size else []
    pipeline = [dict(type='LoadImageFromFile'), *resize, dict(type='PackSegInputs')]
    needs_lhl = any(name.startswith('lhl.') for name in component_names(described))
    imports = "custom_imports = dict(imports=['lhl.models'])  # of which it uses a part\n" if needs_lhl else ''
    metainfo = dict(classes=list(kind.classes), palette=_palette(kind))
    text = (f'# Written by lhl export: {task}, for mmsegmentation; {CHECKPOINT} lies beside it.\n'
            f"default_scope = 'mmseg'\n{imports}model = {code(described)}\ntest_pipeline = {code(pipeline)}\n"
            f'metainfo = {code(metainfo)}\n')
    with atomic_write(folder / CONFIG) as file:
        file.write(text.encode())
    weights = {new + key.removeprefix(old): value.contiguous() for old, new in renamed.items()
               for key, value in learner.state_dict().items() if key.startswith(old)}
    with atomic_write(folder / CHECKPOINT) as file:
        torch.save(dict(meta=dict(dataset_meta=metainfo), state_dict=weights), file)


def run_segmentor(folder: Path, images: Tensor) -> list[Tensor]:
    """Run what was written by mmsegmentation: its logits for normalised images ``(B, 3, H, W)``."""
    from mmseg.apis import init_model
    with (DefaultScope.overwrite_default_scope('mmseg'), torch.no_grad(), warnings.catch_warnings(),
          contextlib.redirect_stdout(io.StringIO())):  # mmsegmentation says what it loads, twice
        warnings.simplefilter('ignore')
        segmentor = init_model(str(folder / CONFIG), str(folder / CHECKPOINT), device='cpu')
        metas = [dict(img_shape=images.shape[-2:], ori_shape=images.shape[-2:], pad_shape=images.shape[-2:])]
        return [segmentor.encode_decode(images, metas * len(images))]


def _count_of(learner: Learner, head: Any) -> int | list[int]:
    maps = (head.in_index, ) if isinstance(head.in_index, int) else head.in_index
    channels = [width for width, _ in learner.probe_features(maps)]
    learner.eval()
    return channels[0] if len(channels) == 1 else channels


def _palette(kind: Any) -> list[list[int]]:
    return [list(map(int, colour)) for colour in kind.palette]


def _scoped(name: str) -> str:
    """Name a component so that mmsegmentation finds it, in lhl where it is of lhl."""
    from lhl.registry import MODELS
    return f'lhl.{name}' if name in MODELS.module_dict else name
