"""Transforms of a sample with any tasks; what depends on a task's kind is asked of the task."""
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
