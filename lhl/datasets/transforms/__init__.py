"""Transforms of a sample with any tasks; what depends on a task's kind is asked of the task.

A class may say of itself, not of its subclasses: ``is_random``, whether it draws at random (those before the first that
does, or does not say, are not repeated where decoded samples are kept); ``moves_pixels``, whether it only copies
values, whatever their type, so that images may be uint8. What a class that says the latter gets it only reads, and
class indices may be of any whole type.
"""
from .flip import RandomHorizontalFlip
from .grayscale import RandomGrayscale
from .mask import RandomMask
from .pack import PackSample
from .padded_crop import RandomPaddedCrop
from .photometric import PhotometricDistortion
from .resize import Resize
from .resized_crop_pad import RandomResizedCropPad
from .scale_crop import RandomScaleCrop

__all__ = ['PackSample', 'PhotometricDistortion', 'RandomGrayscale', 'RandomHorizontalFlip', 'RandomMask',
           'RandomPaddedCrop', 'RandomResizedCropPad', 'RandomScaleCrop', 'Resize']
