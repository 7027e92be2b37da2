# LwF on CityScapes with ResNet-50.
_base_ = [
    '../_base_/models/resnet50_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
method = dict(
    type='LwF',
    weight=0.1,  # Table 6
    temperature=2.0)  # not stated; the original's
