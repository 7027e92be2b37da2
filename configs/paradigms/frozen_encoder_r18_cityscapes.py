# Paradigm 3 of Table 3, here on CityScapes with ResNet-18: from phase 2 on only the new head learns.
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
method = dict(type='FrozenEncoder')
