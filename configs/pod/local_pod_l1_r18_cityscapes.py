# Local POD with the L1 norm on CityScapes with ResNet-18 (not in the paper).
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
model = dict(backbone=dict(out_indices=(0, 1, 2, 3)))  # all stages; the heads take the last, as ever
method = dict(
    type='LocalPOD',
    norm='l1',
    weight=5e-5)  # a start: as for NYUv2
