# LwP on CityScapes with ResNet-18. Its paper has no dense tasks: alpha and group_threshold are HAD's (Appendix C.4),
# and distance_weight is a first guess.
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
method = dict(type='LwP', alpha=100.0, distance_weight=1.0, group_threshold=0.6)
