"""Rendered indoor scenes with exact labels, depth and normals.

A procedural stand-in for NYUv2 that needs no download and no licence. It exercises everything that the real data set
does (13 imbalanced classes, unlabelled pixels, holes in depth and normals), and is for testing, teaching and trying
things out: numbers measured on it say nothing about real photographs. ``render(..., people=True)`` puts people with
labelled parts into the rooms.
"""
from .people import human_parts
from .renderer import render, render_view
from .room_view import RoomView
from .scene import CLASSES

__all__ = ['CLASSES', 'RoomView', 'human_parts', 'render', 'render_view']
