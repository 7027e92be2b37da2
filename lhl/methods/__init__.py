"""Methods: one file per method; ``base.py`` is the whole contract."""
from .base import Method, Phase, Requirements
from .dis import DIS
from .had import HAD
from .joint import Joint
from .single_task import SingleTask
from .vanilla import Vanilla

__all__ = ['DIS', 'HAD', 'Joint', 'Method', 'Phase', 'Requirements', 'SingleTask', 'Vanilla']
