# Online EWC on NYUv2 with ResNet-50. The penalty is EWC's of Table 6, whose unit is unknown: tune it in ours.
_base_ = [
    '../_base_/models/resnet50_aspp.py', '../_base_/datasets/nyuv2.py', '../_base_/schedules/adam_nyuv2.py',
    '../_base_/default_runtime.py'
]
method = dict(type='OnlineEWC', penalty=1e10, decay=1.0)
