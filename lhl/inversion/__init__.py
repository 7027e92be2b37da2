"""Images made from a network: what a frozen teacher is shown in place of the data it was trained on."""
from .quick_deep_inversion import QuickDeepInversion
from .statistics import feature_statistics, remembered_statistics, statistics_distance

__all__ = ['QuickDeepInversion', 'feature_statistics', 'remembered_statistics', 'statistics_distance']
