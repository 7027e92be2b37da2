"""What is particular about some backbones: which feature maps to use, the size of their images, what they need."""
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from torch import nn

from lhl.errors import ConfigError

#: The feature maps for a head that names none, where the last one is an auxiliary one or the coarsest of several.
_DEFAULT_MAPS: dict[str, int | tuple[int, ...]] = dict(BiSeNetV1=0, BiSeNetV2=0, ICNet=(0, 1, 2), HRNet=(1, 0, 2, 3))
#: Of those that give more maps in training than in evaluation, the one that they give in both.
_MAIN_MAP = dict(PIDNet=1, DDRNet=1)
#: Packages that are no part of lhl: what to install, or what to use instead.
_NEEDS = dict(
    TIMMBackbone=('timm', "install it with pip install timm torchvision, with the torchvision of your torch"),
    VPD=('ldm', "it is on no package index; use another backbone, such as SwinTransformer or HFBackbone"),
    HFBackbone=('transformers', "install it with pip install 'lhl[hf]'"))


def default_maps(backbone: Mapping, several: bool) -> int | tuple[int, ...]:
    """Give the feature maps for a head that names none: the last one, unless another one is known to be better.

    Args:
        backbone: Config of the backbone.
        several: Whether the head takes several maps.
    """
    maps = _DEFAULT_MAPS.get(_name(backbone), -1)
    if 'out_indices' in backbone or (isinstance(maps, tuple) and not several):
        return -1
    return maps


def main_map(backbone: nn.Module) -> int | None:
    """Name the only map that a backbone gives in training and in evaluation; None where all are given in both."""
    return _MAIN_MAP.get(type(backbone).__name__)


def fixed_size(backbone: nn.Module) -> tuple[int, int] | None:
    """Give the only size of images that a backbone takes, as its position embedding has it; None for any size."""
    if any(base.__name__ == 'BEiT' for base in type(backbone).__mro__):
        height, width = backbone.img_size  # type: ignore[misc]
        return int(height), int(width)
    return None


def check_packages(backbone: Mapping) -> None:
    """Refuse a backbone whose package is not installed.

    Raises:
        ConfigError: With how to install it, or what to use instead.
    """
    name = _name(backbone)
    package, cure = _NEEDS.get(name, ('', ''))
    if package and find_spec(package) is None:
        raise ConfigError(f'{name} needs the package {package}, which is not installed; {cure}')


def _name(backbone: Mapping) -> str:
    kind: Any = backbone.get('type')
    return kind.rpartition('.')[2] if isinstance(kind, str) else getattr(kind, '__name__', '')
