"""The heads of each phase: where each comes from, and the config of those that a change of the backbone adapts."""
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch

from lhl.errors import ConfigError
from lhl.models import Learner
from lhl.models.backbones.known import default_maps
from lhl.models.pretraining import without_pretraining

from .backbones import is_same_backbone

#: What becomes of the old heads in a phase with another backbone.
OLD_HEADS = ('reinit', 'adapted')
#: Where the weights of a head come from.
Origin = Literal['new', 'carried over', 'adapted', 'reinitialised']


@dataclass(frozen=True)
class HeadSpec:
    """A head of a phase's learner.

    Args:
        origin: Where its weights come from: it is ``'new'`` in this phase or ``'carried over'`` from the phase before;
            in a phase with another backbone it is ``'adapted'`` by an adapter in front of it, or ``'reinitialised'``.
        config: Its config, without ``out_channels``; where ``in_channels`` is None the learner counts them.
        has_adapter: Whether it is an ``AdaptedHead``: its weights went through a change of the backbone.
        prefix: Of an adapted head, what the names of its weights begin with in the checkpoint of the phase before.
    """

    origin: Origin
    config: dict
    has_adapter: bool = False
    prefix: str = ''


def resolve_heads(model: Mapping, names: Sequence[Sequence[str]], backbones: Sequence[Mapping],
                  old_heads: Sequence[str | None]) -> list[dict[str, HeadSpec]]:
    """Give the heads of each phase by name, in the order in which the stream needs them.

    A head is made for the backbone of the first phase that uses it, and reinitialised by a change of the backbone that
    does not adapt it. Once it has gone through changes that do, it stays the head that it was, behind one adapter:
    each further change replaces the adapter, because two of them in a row are one linear map.

    Args:
        model: Config of the learner.
        names: The heads that each phase uses for its new tasks.
        backbones: The config of each phase's backbone.
        old_heads: What each phase does with the old heads where its backbone changes, one of ``OLD_HEADS``.

    Raises:
        ConfigError: If it is not known how wide the features are that a head to be adapted was trained on.
    """
    resolved: list[dict[str, HeadSpec]] = []
    made_for: dict[str, int] = {}
    has_adapter: set[str] = set()
    for index, backbone in enumerate(backbones):
        is_change = index > 0 and not is_same_backbone(backbone, backbones[index - 1])
        adapts, before = old_heads[index] == 'adapted', set(has_adapter)
        if is_change:
            has_adapter = set(made_for) if adapts else set()
            made_for = made_for if adapts else dict.fromkeys(made_for, index)
        specs = {}
        for name in dict.fromkeys([*made_for, *names[index]]):
            config = _own_config(model, name)
            if name in has_adapter:
                config = _adapted_head(name, config, backbones[made_for[name]], backbone)
            elif 'in_channels' in config and not is_same_backbone(backbone, model['backbone']):
                config['in_channels'] = None
            origin: Origin = 'carried over' if not is_change else 'adapted' if adapts else 'reinitialised'
            specs[name] = HeadSpec(
                origin if name in made_for else 'new', config, name in has_adapter,
                f'heads.{name}.{"head." * (name in before)}' if is_change and name in has_adapter else '')
            made_for.setdefault(name, index)
        resolved.append(specs)
    return resolved


def _own_config(model: Mapping, name: str) -> dict:
    """Give the config of a head as the user wrote it: its own, or the one that all share."""
    return dict((model.get('heads') or {}).get(name, model.get('head') or {}))


def _adapted_head(name: str, head: dict, old_backbone: Mapping, new_backbone: Mapping) -> dict:
    """Put an adapter from the features of one backbone to those of another in front of a head."""
    if 'in_channels' not in head:
        raise ConfigError(f'the head {head["type"]} of {name} has no option in_channels, by which old_heads="adapted" '
                          f'tells the width it was trained on; remove old_heads')
    in_index = head.pop('in_index', default_maps(old_backbone, several=head['type'] != 'LinearHead'))
    indices = (in_index, ) if isinstance(in_index, int) else tuple(in_index)
    old, new = (_probe(json.dumps(without_pretraining(backbone), sort_keys=True, default=str), indices)
                for backbone in (old_backbone, new_backbone))
    channels = [width for width, _ in old]
    scale = [new_stride / old_stride for (_, old_stride), (_, new_stride) in zip(old, new, strict=True)]
    is_single = isinstance(in_index, int)
    if not is_single:
        head['in_index'] = list(range(len(indices)))
    return dict(type='AdaptedHead', in_channels=None, in_index=in_index, scale=scale[0] if is_single else scale,
                head=dict(head, in_channels=channels[0] if is_single else channels))


@cache
def _probe(backbone: str, indices: tuple[int, ...]) -> list[tuple[int, float]]:
    """Find the channels and strides of a backbone's feature maps, without a trace in torch's generator."""
    with torch.random.fork_rng(devices=()):
        return Learner(json.loads(backbone), head={}, tasks={}).probe_features(indices)
