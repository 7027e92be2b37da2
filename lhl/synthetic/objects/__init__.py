"""Drawn objects of ten classes, from a seed: what the data set SynthObjects shows.

A procedural stand-in for CIFAR-10 that needs no file, no download and no licence, as the rendered rooms are for NYUv2:
for testing, teaching and trying things out. Numbers measured on it say nothing about photographs.
"""
from .drawing import draw_object
from .shapes import CLASSES

__all__ = ['CLASSES', 'draw_object']
