"""Transforms of a sample with any tasks; what depends on a task's kind is asked of the task."""
from .flip import RandomHorizontalFlip
from .pack import PackSample
from .scale_crop import RandomScaleCrop

__all__ = ['PackSample', 'RandomHorizontalFlip', 'RandomScaleCrop']
