# HAD on Taskonomy with ResNet-18.
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/taskonomy.py', '../_base_/schedules/adam_taskonomy.py',
    '../_base_/default_runtime.py'
]
method = dict(
    type='HAD',
    alpha=1.0,  # Appendix C.4
    group_threshold=0.9,  # tau of Sec. 4.2 and C.4
    distribution_balanced=dict(type='DistributionBalancedLoss'),
    saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.5))  # k of Eq. 9 and C.4
