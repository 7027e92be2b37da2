# RCD with the distance of HAD, thresholds as for NYUv2.
_base_ = ['../rcd_synthrooms3.py']
method = dict(
    distance=dict(
        type='HAD', group_threshold=0.9,
        distribution_balanced=dict(type='DistributionBalancedLoss', relative_epsilon=0.1),
        saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.5)))
