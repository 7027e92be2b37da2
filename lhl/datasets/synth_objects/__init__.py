"""SynthObjects: drawn objects of ten classes, made when they are asked for.

A procedural stand-in for CIFAR-10 that needs no file, no download and no licence, as SynthRooms is for NYUv2: for
testing, teaching and trying things out. Numbers measured on it say nothing about photographs.
"""
from .dataset import SynthObjects
from .drawing import draw_object
from .shapes import CLASSES

__all__ = ['CLASSES', 'SynthObjects', 'draw_object']
