# Heterogeneity-aware distillation (HAD, Eq. 4 to 10). A config adds alpha, group_threshold (tau of Sec. 4.2 and
# Appendix C.4) and edge_threshold (k of Eq. 9 and Appendix C.4). The geometric mean of Eq. 6 is the robust one; the
# literal one is had_literal_*.py.
method = dict(
    type='HAD',
    distribution_balanced=dict(type='DistributionBalancedLoss', relative_epsilon=0.1),
    saliency_guided=dict(type='SaliencyGuidedLoss'))
