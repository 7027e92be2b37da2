# Sequential fine-tuning on CityScapes with ResNet-18: the reference of the paper's Delta (Eq. 11).
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
method = dict(type='Vanilla')
