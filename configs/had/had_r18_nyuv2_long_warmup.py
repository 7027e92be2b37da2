# The other reading of "warmup rate 0.5" (Appendix C.4): half of each phase is spent warming up.
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/nyuv2.py',
    '../_base_/schedules/adam_nyuv2_long_warmup.py', '../_base_/default_runtime.py'
]
method = dict(
    type='HAD',
    alpha=3.0,  # Appendix C.4
    group_threshold=0.9,  # tau of Sec. 4.2 and C.4
    distribution_balanced=dict(type='DistributionBalancedLoss'),
    saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.5))  # k of Eq. 9 and C.4
