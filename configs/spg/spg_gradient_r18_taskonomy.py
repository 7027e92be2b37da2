# SPG as it is written, on the gradient, with ResNet-18: under Adam, which divides constant factors out, it hardly acts.
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/taskonomy.py', '../_base_/schedules/adam_taskonomy.py',
    '../_base_/default_runtime.py'
]
method = dict(type='SPG', edit='gradient')
