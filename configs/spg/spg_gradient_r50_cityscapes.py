# SPG as it is written, on the gradient, with ResNet-50: under Adam, which divides constant factors out, it hardly acts.
_base_ = [
    '../_base_/models/resnet50_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
method = dict(type='SPG', edit='gradient')
