"""The layouts on disk that rendered scenes can be written in: those of the data sets that lhl reads."""
from .base import DiskLayout
from .nyuv2 import NYUv2Layout

LAYOUTS: dict[str, type[DiskLayout]] = {'nyuv2': NYUv2Layout}

__all__ = ['LAYOUTS', 'DiskLayout']
