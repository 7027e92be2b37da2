# HAD while the backbone changes from phase to phase (the setting of HCL); the heads of old tasks start anew each time.
_base_ = ['../_base_/synth_rooms_growing.py']
method = dict(
    type='HAD',
    alpha=1.0,
    group_threshold=0.9,  # as for NYUv2
    distribution_balanced=dict(type='DistributionBalancedLoss'),
    saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.5))  # as for NYUv2
# The strength for depth was found with tools/search.py on other rooms, see docs/benchmarks.md.
phases = [
    dict(task='segmentation'),
    dict(task='depth', backbone=_base_.resnet50, method=dict(alpha=0.1)),
    dict(task='normal', backbone=_base_.swin),
]
