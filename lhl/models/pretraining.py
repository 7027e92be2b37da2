"""Keeps a backbone from fetching pretrained weights where its weights are known already."""
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from lhl.component_check import find_component
from lhl.registry import MODELS

#: Options by which some backbones load weights while they are built: mmsegmentation's old one, and timm's.
_OPTIONS = ('pretrained', 'checkpoint_path')


def without_pretraining(backbone: Mapping) -> dict:
    """Give the config of the same backbone without the places of its pretrained weights.

    Args:
        backbone: Config of a backbone; a backbone within it, as of a ``BackboneWithNeck``, is treated alike.

    Returns:
        The config with ``init_cfg=None``, and without options that fetch weights. Where a class fetches them unless it
        is told otherwise, as mmsegmentation's ``TIMMBackbone`` does, the option is switched off.
    """
    return {**without_checkpoints(backbone), 'init_cfg': None}


def without_checkpoints(config: Mapping) -> dict:
    """Do the same, also for the components within it, but leave as it is how weights are drawn at random."""
    defaults = _defaults(config['type'])
    kept = {}
    for key, value in config.items():
        if not (key in _OPTIONS and key in defaults) and not (key == 'init_cfg' and names_checkpoint(value)):
            kept[key] = without_checkpoints(value) if isinstance(value, Mapping) and 'type' in value else value
    return kept | {key: type(defaults[key])() for key in _OPTIONS if defaults.get(key)}


def names_checkpoint(init_cfg: Any) -> bool:
    """Say whether an ``init_cfg``, or one of several, loads a checkpoint."""
    several = init_cfg if isinstance(init_cfg, (list, tuple)) else [init_cfg]
    return any(isinstance(one, Mapping) and 'checkpoint' in one for one in several)


def _defaults(component: Any) -> dict[str, Any]:
    """Give the default of each option of a component; nothing of one that is unknown."""
    component = find_component(MODELS, component) if isinstance(component, str) else component
    return _signature_defaults(component) if callable(component) else {}


@functools.cache  # a signature takes longer than all else here, and a stream asks for each often
def _signature_defaults(component: Callable) -> dict[str, Any]:
    return {name: None if parameter.default is parameter.empty else parameter.default
            for name, parameter in inspect.signature(component).parameters.items()}
