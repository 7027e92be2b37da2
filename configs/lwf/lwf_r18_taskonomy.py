# LwF on Taskonomy with ResNet-18.
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/taskonomy.py', '../_base_/schedules/adam_taskonomy.py',
    '../_base_/default_runtime.py'
]
method = dict(
    type='LwF',
    weight=0.1,  # Table 6
    temperature=2.0)  # not stated; the original's
