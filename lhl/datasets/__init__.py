"""Data sets: the images and targets of one phase, how they are augmented, sampled and batched."""
from .base import DenseDataset, SampleKey
from .collate import collate_samples
from .nyuv2 import NYUv2
from .samplers import EpochSampler

__all__ = ['DenseDataset', 'EpochSampler', 'NYUv2', 'SampleKey', 'collate_samples']
