# EWC on Taskonomy with ResNet-18. Table 6 gives the penalty without saying how F is averaged: tune it in our unit.
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/taskonomy.py', '../_base_/schedules/adam_taskonomy.py',
    '../_base_/default_runtime.py'
]
method = dict(type='EWC', penalty=1e9)
