# EWC on CityScapes with ResNet-50. Table 6 gives the penalty without saying how F is averaged: tune it in our unit.
_base_ = [
    '../_base_/models/resnet50_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
method = dict(type='EWC', penalty=1e3)
