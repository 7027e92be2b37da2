# HAD on CityScapes with ResNet-50.
_base_ = [
    '../_base_/models/resnet50_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
method = dict(
    type='HAD',
    alpha=1.0,  # Appendix C.4
    group_threshold=0.5,  # tau of Sec. 4.2 and C.4
    distribution_balanced=dict(type='DistributionBalancedLoss'),
    saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.8))  # k of Eq. 9 and C.4
