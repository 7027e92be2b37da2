# HAD while the backbone changes from phase to phase (the setting of HCL); the heads of old tasks start anew each time.
_base_ = ['../_base_/synth_rooms_growing.py']
method = dict(
    type='HAD',
    alpha=1.0,
    group_threshold=0.9,  # as for NYUv2
    distribution_balanced=dict(type='DistributionBalancedLoss'),
    saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.5))  # as for NYUv2
