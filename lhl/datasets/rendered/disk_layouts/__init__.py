"""The layouts on disk that rendered scenes can be written in: those of the data sets that lhl reads."""
from .base import DiskLayout
from .cityscapes import CityScapesLayout
from .nyud import AstmtLayout, ATRCLayout, InvPTLayout
from .nyuv2 import NYUv2Layout
from .pascal_context import PASCALContextLayout
from .taskonomy import TaskonomyLayout

LAYOUTS: dict[str, type[DiskLayout]] = {
    'nyuv2': NYUv2Layout,
    'cityscapes': CityScapesLayout,
    'taskonomy': TaskonomyLayout,
    'nyud': InvPTLayout,
    'nyud_atrc': ATRCLayout,
    'nyud_astmt': AstmtLayout,
    'pascal_context': PASCALContextLayout,
}

__all__ = ['LAYOUTS', 'DiskLayout']
