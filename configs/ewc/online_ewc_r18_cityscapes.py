# Online EWC on CityScapes with ResNet-18. The penalty is EWC's of Table 6, whose unit is unknown: tune it in ours.
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
method = dict(type='OnlineEWC', penalty=1e6, decay=1.0)
