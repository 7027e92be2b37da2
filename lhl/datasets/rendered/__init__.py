"""Rendered scenes, written in the layout on disk of the data sets that lhl reads."""
from .disk_layouts import LAYOUTS
from .writer import write_dataset

__all__ = ['LAYOUTS', 'write_dataset']
