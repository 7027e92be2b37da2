"""Rendered streets with the seven classes and the camera of CityScapes."""
from .street import render_street
from .street_pieces import STREET_CLASSES

__all__ = ['STREET_CLASSES', 'render_street']
