# Heterogeneity-aware distillation (HAD, Eq. 4 to 10). A config adds alpha, group_threshold (tau of Sec. 4.2 and
# Appendix C.4) and edge_threshold (k of Eq. 9 and Appendix C.4).
method = dict(
    type='HAD',
    distribution_balanced=dict(type='DistributionBalancedLoss'),
    saliency_guided=dict(type='SaliencyGuidedLoss'))
