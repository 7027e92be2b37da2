"""Methods: one file per method; ``base.py`` is the whole contract."""
from .base import Method, Phase, Requirements
from .dis import DIS
from .had import HAD
from .vanilla import Vanilla

__all__ = ['DIS', 'HAD', 'Method', 'Phase', 'Requirements', 'Vanilla']
