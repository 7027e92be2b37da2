"""The backbone of each phase: its own, or else that of the phase before."""
import json
from collections.abc import Mapping, Sequence
from typing import Any

from lhl.models.pretraining import names_checkpoint, without_pretraining


def resolve_backbones(first: Mapping, changes: Sequence[Mapping]) -> list[dict]:
    """Give the config of each phase's backbone.

    What a phase's ``backbone`` does not name is as in the phase before, unless it is of another type. A checkpoint to
    start from fits one architecture, so another one does not inherit it.

    Args:
        first: The backbone of the stream's ``model``.
        changes: What each phase names as its ``backbone``; empty where it names none.
    """
    backbone, backbones = dict(first), []
    for change in map(dict, changes):
        kind = backbone.get('type')
        is_whole = change.pop('_delete_', False) or change.get('type', kind) != kind
        changed = change if is_whole else {**backbone, **change}
        if not is_same_backbone(changed, backbone):
            if 'init_cfg' not in change and names_checkpoint(changed.get('init_cfg')):
                changed['init_cfg'] = None
            if 'pretrained' not in change and isinstance(changed.get('pretrained'), str):
                del changed['pretrained']
        backbones.append(changed)
        backbone = changed
    return backbones


def is_same_backbone(one: Mapping, other: Mapping) -> bool:
    """Say whether two configs are of the same backbone, wherever its first weights come from."""
    return architecture(one) == architecture(other)


def architecture(backbone: Mapping) -> str:
    """Write the config of a backbone without its first weights as text, which identifies it."""
    known = without_pretraining(backbone) if 'type' in backbone else dict(backbone)
    return json.dumps(known, sort_keys=True, default=str)  # a stored config has lists for tuples


def describe_backbone(backbone: Mapping) -> str:
    """Write a backbone's config in one line, ``ResNet(depth=18, ...)``, without its first weights."""
    options = [f'{key}={_with_tuples(value)!r}' for key, value in backbone.items() if key not in ('type', 'init_cfg')]
    return f'{backbone["type"]}({", ".join(options)})'


def _with_tuples(value: Any) -> Any:
    """Write lists as tuples: a stored config has lists for them."""
    if isinstance(value, Mapping):
        return {key: _with_tuples(entry) for key, entry in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, (list, tuple)) else value
