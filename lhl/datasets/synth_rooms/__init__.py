"""SynthRooms: rendered indoor scenes with exact labels, depth and normals.

A procedural stand-in for NYUv2 that needs no download and no licence. It exercises everything that the real data set
does (13 imbalanced classes, unlabelled pixels, holes in depth and normals), and is for testing, teaching and trying
things out: numbers measured on it say nothing about real photographs.
"""

from .disk_layouts import LAYOUTS
from .render import RoomView, render, render_view
from .scene import CLASSES
from .writer import write_dataset

__all__ = ['CLASSES', 'LAYOUTS', 'RoomView', 'render', 'render_view', 'write_dataset']
