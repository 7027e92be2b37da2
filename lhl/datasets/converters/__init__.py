"""Converters: from a data set as its authors publish it to the files that lhl reads."""
from .base import Conversion, encode_npy, encode_png, record_options, run_conversions, source

__all__ = ['Conversion', 'encode_npy', 'encode_png', 'record_options', 'run_conversions', 'source']
