"""Transforms of a sample with any tasks; what depends on a task's kind is asked of the task.

A class may say of itself, not of its subclasses: ``is_random``, whether it draws at random (those before the first that
does, or does not say, need not be repeated); ``moves_pixels``, whether it only copies values, whatever their type, so that
images may be uint8. To one that says either, class indices may be of any whole type.
"""
from .flip import RandomHorizontalFlip
from .grayscale import RandomGrayscale
from .pack import PackSample
from .padded_crop import RandomPaddedCrop
from .photometric import PhotometricDistortion
from .resize import Resize
from .resized_crop_pad import RandomResizedCropPad
from .scale_crop import RandomScaleCrop

__all__ = ['PackSample', 'PhotometricDistortion', 'RandomGrayscale', 'RandomHorizontalFlip', 'RandomPaddedCrop',
           'RandomResizedCropPad', 'RandomScaleCrop', 'Resize']
