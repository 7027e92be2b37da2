_base_ = ['../_base_/synth_rooms_r18.py']
method = dict(
    type='HAD',
    alpha=1.0,  # measured: 1 to 10 keep the old tasks alike, 1 hinders the new one least
    group_threshold=0.9,  # as for NYUv2
    distribution_balanced=dict(type='DistributionBalancedLoss'),
    saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.5))  # as for NYUv2
