"""The heads that a change of the backbone leaves behind an adapter, and the config of each: pure functions."""
import json
from collections.abc import Mapping, Sequence
from functools import cache

import torch
from mmengine.config import Config

from lhl.errors import ConfigError
from lhl.models import Learner

#: What becomes of the old heads in a phase with another backbone.
OLD_HEADS = ('fresh', 'adapted')


def adapted_heads(cfg: Config, index: int, backbones: Sequence[Mapping], is_change: Sequence[bool],
                  heads: Sequence[Sequence[str]]) -> dict[str, dict]:
    """Give the configs of the adapted heads of a phase.

    A head is made for the backbone of the first phase that uses it, and made anew by a change with fresh heads. Once
    it has gone through changes that adapt it, it stays the head that it was, behind one adapter: each further change
    replaces the adapter, because two of them in a row are one linear map.

    Args:
        cfg: The stream's config.
        index: The phase, from 1.
        backbones: The config of each phase's backbone.
        is_change: For each phase whether its backbone is another than that of the phase before.
        heads: The heads that each phase uses for its new tasks.

    Returns:
        The head's name to its config, for the adapted heads only, with ``in_channels`` left to be counted.

    Raises:
        ConfigError: If a head cannot be told how wide its features are.
    """
    made_for = {}
    for i, entry in enumerate(cfg.phases[:index]):
        if is_change[i] and entry.get('old_heads', 'fresh') == 'fresh':
            made_for = dict.fromkeys(made_for, i)
        for name in heads[i]:
            made_for.setdefault(name, i)
    own = cfg.model.get('heads') or {}
    return {name: _adapted_head(name, own.get(name, cfg.model.head).to_dict(), backbones[i], backbones[index - 1])
            for name, i in made_for.items() if any(is_change[i + 1:index])}


def _adapted_head(name: str, head: dict, old_backbone: Mapping, new_backbone: Mapping) -> dict:
    """Put an adapter from the features of one backbone to those of another in front of a head."""
    if 'in_channels' not in head:
        raise ConfigError(f'the head {head["type"]} of {name} has no option in_channels, by which old_heads="adapted" '
                          f'tells it the width it was trained on; leave old_heads away')
    in_index = head.pop('in_index', -1)
    indices = (in_index, ) if isinstance(in_index, int) else tuple(in_index)
    old, new = (_probe(_without_pretraining(backbone), indices) for backbone in (old_backbone, new_backbone))
    channels = [width for width, _ in old]
    scale = [new_stride / old_stride for (_, old_stride), (_, new_stride) in zip(old, new, strict=True)]
    if isinstance(in_index, int):
        channels, scale = channels[0], scale[0]
    else:
        head['in_index'] = list(range(len(indices)))
    return dict(type='AdaptedHead', in_channels=None, in_index=in_index, scale=scale,
                head=dict(head, in_channels=channels))


def _without_pretraining(backbone: Mapping) -> str:
    return json.dumps({**backbone, 'init_cfg': None}, sort_keys=True, default=str)


@cache
def _probe(backbone: str, indices: tuple[int, ...]) -> list[tuple[int, float]]:
    """Find the channels and strides of a backbone's feature maps, and leave no trace in torch's generator."""
    with torch.random.fork_rng(devices=()):
        return Learner(json.loads(backbone), head={}, tasks={}).probe_features(indices)
