"""The heart: pure functions on tensors, each with its small registered module."""
from .cauchy_schwarz import cauchy_schwarz_divergence, kdam_loss
from .correlation_distance import dist_loss, pearson_distance
from .cross_entropy import cross_entropy_map, smoothed_cross_entropy_map
from .distance_preservation import distance_preservation_loss
from .distillation_views import (
    DistillationViews,
    binary_views,
    class_views,
    inter_loss,
    intra_loss,
    positive_views,
    signed_views,
    unit_vector_views,
)
from .distribution_balanced import DistributionBalancedLoss, distribution_balanced_loss
from .groups import class_groups, interval_groups, min_max_normalize, threshold_groups
from .kl_divergence import kl_divergence_map
from .masking import masked_mean
from .over_processes import batch_sum
from .pod import global_pod, local_pod, pod_distance
from .saliency_guided import SaliencyGuidedLoss, saliency_guided_loss
from .sobel import edge_set, sobel_magnitude
from .variation import total_variation

__all__ = [
    'DistillationViews', 'DistributionBalancedLoss', 'SaliencyGuidedLoss', 'batch_sum', 'binary_views',
    'cauchy_schwarz_divergence', 'class_groups', 'class_views', 'cross_entropy_map', 'dist_loss',
    'distance_preservation_loss', 'distribution_balanced_loss', 'edge_set', 'global_pod', 'inter_loss',
    'interval_groups', 'intra_loss', 'kdam_loss', 'kl_divergence_map', 'local_pod', 'masked_mean',
    'min_max_normalize', 'pearson_distance', 'pod_distance', 'positive_views', 'saliency_guided_loss',
    'signed_views', 'smoothed_cross_entropy_map', 'sobel_magnitude', 'threshold_groups', 'total_variation',
    'unit_vector_views'
]
