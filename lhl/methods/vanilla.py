"""Vanilla training: fine-tune on one task after the other (HAD, Sec. 5.1, baseline a)."""
from lhl.registry import METHODS

from .base import Method


@METHODS.register_module()
class Vanilla(Method):
    """Minimise L_new alone. Nothing protects the old tasks: their heads are frozen while the backbone moves on."""
