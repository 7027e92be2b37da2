"""The heart: pure functions on tensors, each with its small registered module."""
from .cross_entropy import cross_entropy_map
from .distance_preservation import distance_preservation_loss
from .distribution_balanced import DistributionBalancedLoss, distribution_balanced_loss
from .edges import edge_set, sobel_magnitude
from .groups import class_groups, interval_groups, min_max_normalize, threshold_groups
from .kl_divergence import kl_divergence_map
from .masked_mean import masked_mean
from .pod import global_pod, local_pod, pod_distance
from .saliency_guided import SaliencyGuidedLoss, saliency_guided_loss

__all__ = [
    'DistributionBalancedLoss', 'SaliencyGuidedLoss', 'class_groups', 'cross_entropy_map', 'distance_preservation_loss',
    'distribution_balanced_loss', 'edge_set', 'global_pod', 'interval_groups', 'kl_divergence_map', 'local_pod',
    'masked_mean', 'min_max_normalize', 'pod_distance', 'saliency_guided_loss', 'sobel_magnitude', 'threshold_groups'
]
