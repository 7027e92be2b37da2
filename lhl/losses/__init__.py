"""The heart: pure functions on tensors, each with its small registered module."""
from .cross_entropy import cross_entropy_map
from .distribution_balanced import DistributionBalancedLoss, distribution_balanced_loss
from .edges import edge_set, sobel_magnitude
from .groups import class_groups, interval_groups, min_max_normalize, threshold_groups
from .masked_mean import masked_mean
from .saliency_guided import SaliencyGuidedLoss, saliency_guided_loss

__all__ = [
    'DistributionBalancedLoss', 'SaliencyGuidedLoss', 'class_groups', 'cross_entropy_map', 'distribution_balanced_loss',
    'edge_set', 'interval_groups', 'masked_mean', 'min_max_normalize', 'saliency_guided_loss', 'sobel_magnitude',
    'threshold_groups'
]
