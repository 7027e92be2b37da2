"""Rendered streets with the seven classes and the camera of CityScapes."""
from .pieces import STREET_CLASSES
from .street import render_street

__all__ = ['STREET_CLASSES', 'render_street']
