"""Writes the config: a learner, data, a method and a schedule, whole, with a word on what may be changed."""
import math
import re
from collections.abc import Mapping, Sequence
from keyword import iskeyword
from typing import Any

from lhl.errors import printable

#: Iterations of a phase, and the fewest and most epochs that they are allowed to be.
ITERATIONS, MIN_EPOCHS, MAX_EPOCHS = 500, 20, 60
#: Smaller images are learned by a narrow network, the quickstart's.
SMALL = 128 * 128
IMAGENET = 'https://download.pytorch.org/models/resnet18-f37072fd.pth'


class Code(str):
    """An expression, which is written as it is."""


def code(value: Any) -> str:
    """Write a plain value as in a config."""
    if isinstance(value, Code):
        return value
    if isinstance(value, str):  # mmengine puts variables of the environment into {{...}} before it reads a config
        return repr(value).replace('{{', '{\\x7b')
    if isinstance(value, float) and not math.isfinite(value):
        return f"float('{value}')"
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and key.isidentifier() and not iskeyword(key) for key in value):
            return f'dict({", ".join(f"{key}={code(entry)}" for key, entry in value.items())})'
        return '{' + ', '.join(f'{code(key)}: {code(entry)}' for key, entry in value.items()) + '}'
    if isinstance(value, (list, tuple)):
        inside = ', '.join(map(code, value))
        return f'[{inside}]' if isinstance(value, list) else f'({inside}, )' if len(value) == 1 else f'({inside})'
    return repr(value)


def comment(text: str) -> str:
    """Write what was found, names of files and folders included, in one line without the ``{{`` of :func:`code`."""
    return '# ' + re.sub(r'\{(?=\{)', '{ ', printable(text).replace('\n', r'\n'))


def _block(entries: Mapping[str, Any], comments: Mapping[str, str]) -> str:
    return '\n'.join(f'    {name}={code(entry)},' + (f'  {comment(comments[name])}' if name in comments else '')
                     for name, entry in entries.items())


def config_text(head: Sequence[str], tasks: Mapping[str, dict], targets: Mapping[str, dict],
                found: Mapping[str, str], data: Mapping[str, Mapping[str, Any]], size: tuple[int, int],
                batch_size: int, images: int, method: Mapping[str, Any], model: str, lr: float,
                new_head: float | None) -> str:
    """Write a config.

    Args:
        head: Lines of the comment that it begins with.
        tasks: By name.
        targets: How those of each task are stored.
        found: What was found of each.
        data: Options of the data set of ``'train'`` and ``'val'``.
        size: Height and width for the network.
        batch_size: Images of a step.
        images: The fewest that a phase is trained on.
        method: How the old tasks are kept.
        model: The learner's section, or nothing.
        lr: The learning rate.
        new_head: The factor of the rate of new heads.
    """
    epochs = min(max(-(-ITERATIONS // max(images // batch_size, 1)), MIN_EPOCHS), MAX_EPOCHS)
    phases = [dict(task=name, **(dict(lr_factors=dict(new_head=new_head)) if new_head else {})) for name in tasks]
    loaders = '\n'.join(
        f'''{split}_dataloader = dict(
    batch_size=_batch_size, num_workers=2, persistent_workers=True, drop_last={split == 'train'},
    sampler=dict(type='EpochSampler', shuffle={split == 'train'}),
    dataset=dict(
        type='FolderDataset', split={split!r},{' part=None,' if split == 'train' else ''}
        {', '.join(f'{key}={code(value)}' for key, value in options.items())},
        pipeline=[
            {_PIPELINES[split]},
            dict(type='PackSample')]))''' for split, options in data.items())
    return f'''{''.join(f'{comment(line)}{chr(10)}' for line in head)}default_scope = 'lhl'
randomness = dict(seed=0)
tasks = dict(
{_block(tasks, {})}
)
phases = {code(phases)}  # learned in this order
method = dict(
    {f',{chr(10)}    '.join(f'{key}={code(value)}' for key, value in method.items())})
{model}_size = {size}  # height and width for the network
_batch_size = {batch_size}
_targets = dict(
{_block(targets, found)}
)
# part=None: a phase takes all images that have its target; without it, the images are divided among the phases.
{loaders}
optim_wrapper = dict(
    type='MethodOptimWrapper', optimizer=dict(type='Adam', lr={lr:g}, weight_decay=1e-5), clip_grad=dict(max_norm=10.0))
param_scheduler = dict(type='LinearWarmupDecayLR', by_epoch=False, warmup=0.1, start_factor=0.0, end_factor=0.02)
train_cfg = dict(by_epoch=True, max_epochs={epochs})
default_hooks = dict(
    checkpoint=dict(type='PhaseCheckpointHook', interval=5),
    logger=dict(type='LoggerHook', interval=10, log_metric_by_epoch=True))
log_processor = dict(by_epoch=True, window_size=10)
'''


_PIPELINES = dict(
    train="""dict(type='RandomResizedCropPad', size=_size, scale=(0.75, 1.5)),
            dict(type='RandomHorizontalFlip', probability=0.5),
            dict(type='PhotometricDistortion')""",
    val="dict(type='Resize', size=_size)")


def model_text(size: tuple[int, int], imagenet: bool) -> str:
    """Write the section of the learner: a dilated ResNet-18 and an ASPP head for each task.

    Args:
        size: Height and width of the images.
        imagenet: Whether it starts from ImageNet's weights.
    """
    is_small = size[0] * size[1] <= SMALL and not imagenet
    channels, head_channels = (16, 32) if is_small else (64, 256)
    dilations = (2, 4, 6) if min(size) < 144 else (6, 12, 18) if min(size) < 288 else (12, 24, 36)
    init = f"init_cfg=dict(type='Pretrained', checkpoint={IMAGENET!r})" if imagenet else 'init_cfg=None'
    return f'''model = dict(
    type='Learner',
    backbone=dict(
        type='ResNet', depth=18, stem_channels={channels}, base_channels={channels}, out_indices=(3, ),
        strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), contract_dilation=True, norm_cfg=dict(type='BN'),
        {init}),
    head=dict(type='ASPPHead', in_channels={8 * channels}, channels={head_channels}, dilations={dilations}, \
dropout=0.1))
'''
