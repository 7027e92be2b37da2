"""Models: the learner, its heads and its preprocessor; backbones are mmsegmentation's, and some for small images."""
import warnings

with warnings.catch_warnings():
    # mmcv is installed without its compiled operators; lhl uses none of them.
    warnings.filterwarnings('ignore', 'Fail to import ``MultiScaleDeformableAttention``')
    import mmseg.models  # noqa: F401  (registers the backbones)

from .backbones import (
    CIFARVGG,
    BackboneWithNeck,
    CIFARAlexNet,
    CIFARDenseNet,
    CIFARInception,
    CIFARLeNet,
    CIFARRegNet,
    CIFARResNet,
    CIFARResNeXt,
    CIFARSENet,
    HFBackbone,
)
from .data_preprocessor import DensePreprocessor
from .gradient_checkpointing import without_gradient_checkpointing
from .heads import AdaptedHead, ASPPHead, LinearHead, MultiScaleHead, SegmentorHead
from .initial_weights import Pretrained
from .learner import Batch, Learner

__all__ = [
    'ASPPHead', 'AdaptedHead', 'BackboneWithNeck', 'Batch', 'CIFARAlexNet', 'CIFARDenseNet', 'CIFARInception',
    'CIFARLeNet', 'CIFARRegNet', 'CIFARResNeXt', 'CIFARResNet', 'CIFARSENet', 'CIFARVGG', 'DensePreprocessor',
    'HFBackbone', 'Learner', 'LinearHead', 'MultiScaleHead', 'Pretrained', 'SegmentorHead',
    'without_gradient_checkpointing'
]
