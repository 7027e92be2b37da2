"""Models: the learner, its heads and its preprocessor. Backbones are mmsegmentation's."""
import mmseg.models  # noqa: F401  (registers the backbones)

from .data_preprocessor import DensePreprocessor
from .heads import AdaptedHead, ASPPHead
from .learner import Batch, Learner

__all__ = ['ASPPHead', 'AdaptedHead', 'Batch', 'DensePreprocessor', 'Learner']
