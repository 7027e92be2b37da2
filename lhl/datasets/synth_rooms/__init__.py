"""SynthRooms: rendered indoor scenes with exact labels, depth and normals.

A procedural stand-in for NYUv2 that needs no download and no licence. It exercises everything that the real data set
does (13 imbalanced classes, unlabelled pixels, holes in depth and normals), and is for testing, teaching and trying
things out: numbers measured on it say nothing about real photographs. ``render(..., people=True)`` puts people with
labelled parts into the rooms, and ``render_street`` draws streets with the classes of CityScapes.
"""

from .disk_layouts import LAYOUTS
from .people import human_parts
from .render import RoomView, render, render_view
from .scene import CLASSES
from .street import STREET_CLASSES, render_street
from .writer import write_dataset

__all__ = ['CLASSES', 'LAYOUTS', 'STREET_CLASSES', 'RoomView', 'human_parts', 'render', 'render_street', 'render_view',
           'write_dataset']
