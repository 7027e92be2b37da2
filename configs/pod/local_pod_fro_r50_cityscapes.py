# Local POD with the Frobenius norm on CityScapes with ResNet-50 (not in the paper).
_base_ = [
    '../_base_/models/resnet50_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
model = dict(backbone=dict(out_indices=(0, 1, 2, 3)))  # all stages; the heads take the last, as ever
method = dict(
    type='LocalPOD',
    norm='fro',
    weight=0.01)  # a start: PLOP's
