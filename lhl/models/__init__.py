"""Models: the learner, its heads and its preprocessor; backbones are mmsegmentation's, and some for small images."""
import mmseg.models  # noqa: F401  (registers the backbones)

from .backbones import (
    CIFARVGG,
    CIFARAlexNet,
    CIFARDenseNet,
    CIFARInception,
    CIFARLeNet,
    CIFARRegNet,
    CIFARResNet,
    CIFARResNeXt,
    CIFARSENet,
)
from .data_preprocessor import DensePreprocessor
from .heads import AdaptedHead, ASPPHead, LinearHead
from .learner import Batch, Learner

__all__ = [
    'ASPPHead', 'AdaptedHead', 'Batch', 'CIFARAlexNet', 'CIFARDenseNet', 'CIFARInception', 'CIFARLeNet', 'CIFARRegNet',
    'CIFARResNeXt', 'CIFARResNet', 'CIFARSENet', 'CIFARVGG', 'DensePreprocessor', 'Learner', 'LinearHead'
]
