"""Heads: backbone features to a task's raw output."""
from .adapted_head import AdaptedHead
from .aspp_head import ASPPHead
from .decode_head import LearnerDecodeHead
from .linear_head import LinearHead
from .multi_scale_head import MultiScaleHead
from .segmentor_head import SegmentorHead

__all__ = ['ASPPHead', 'AdaptedHead', 'LearnerDecodeHead', 'LinearHead', 'MultiScaleHead', 'SegmentorHead']
