_base_ = ['../_base_/synth_taskonomy_tiny.py']
method = dict(
    type='HAD',
    alpha=1.0,  # as for Taskonomy
    group_threshold=0.9,  # as for Taskonomy
    distribution_balanced=dict(type='DistributionBalancedLoss'),
    saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.5))  # as for Taskonomy
