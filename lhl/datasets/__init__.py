"""Data sets: the images and targets of one phase, how they are augmented, sampled and batched."""
from .base import DenseDataset, SampleKey
from .cifar.dataset import CIFAR10, CIFAR100
from .cityscapes import CityScapes
from .collate import collate_samples
from .digits import Digits
from .folder import FolderDataset
from .image_labels import ImageLabelDataset
from .nyud import NYUDv2
from .nyuv2 import NYUv2
from .pascal_context.dataset import PASCALContext
from .samplers import EpochSampler, share_batches
from .synth_objects import SynthObjects
from .taskonomy.dataset import Taskonomy
from .tiny_imagenet import TinyImageNet

__all__ = ['CIFAR10', 'CIFAR100', 'CityScapes', 'DenseDataset', 'Digits', 'EpochSampler', 'FolderDataset',
           'ImageLabelDataset', 'NYUDv2', 'NYUv2', 'PASCALContext', 'SampleKey', 'SynthObjects', 'Taskonomy',
           'TinyImageNet', 'collate_samples', 'share_batches']
