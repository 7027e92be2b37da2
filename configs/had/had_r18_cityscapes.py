# HAD on CityScapes with ResNet-18. The other order of Table 8: --cfg-options order=[depth,segmentation]
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
method = dict(
    type='HAD',
    alpha=100.0,  # Appendix C.4
    group_threshold=0.6,  # tau of Sec. 4.2 and C.4
    distribution_balanced=dict(type='DistributionBalancedLoss'),
    saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.6))  # k of Eq. 9 and C.4
