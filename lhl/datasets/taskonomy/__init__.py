"""Taskonomy: the data set, its files on disk and how they encode the targets."""
from .dataset import Taskonomy

__all__ = ['Taskonomy']
