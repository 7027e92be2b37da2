# One ResNet-18 model per task of CityScapes, each on the images of its phase: the label amount of the stream.
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
method = dict(type='SingleTask')
