"""Data sets: the images and targets of one phase, how they are augmented, sampled and batched."""
from .base import DenseDataset, SampleKey
from .cityscapes import CityScapes
from .collate import collate_samples
from .folder import FolderDataset
from .nyud import NYUDv2
from .nyuv2 import NYUv2
from .pascal_context import PASCALContext
from .samplers import EpochSampler
from .taskonomy import Taskonomy

__all__ = ['CityScapes', 'DenseDataset', 'EpochSampler', 'FolderDataset', 'NYUDv2', 'NYUv2', 'PASCALContext',
           'SampleKey', 'Taskonomy', 'collate_samples']
