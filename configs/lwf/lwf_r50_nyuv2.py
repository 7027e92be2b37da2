# LwF on NYUv2 with ResNet-50.
_base_ = [
    '../_base_/models/resnet50_aspp.py', '../_base_/datasets/nyuv2.py', '../_base_/schedules/adam_nyuv2.py',
    '../_base_/default_runtime.py'
]
method = dict(
    type='LwF',
    weight=5.0,  # Table 6
    temperature=2.0)  # not stated; the original's
