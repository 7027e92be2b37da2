"""lhl: lifelong heterogeneous learning on dense prediction."""

__version__ = '0.1.0'
