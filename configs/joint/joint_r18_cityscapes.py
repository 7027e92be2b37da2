# Joint training on CityScapes with ResNet-18: every image with all its labels, as in the paper.
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
phases = [dict(tasks=['segmentation', 'depth'])]
method = dict(type='Joint')  # the paper gives no task weights
