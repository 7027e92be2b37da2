# Global POD with the L1 norm on Taskonomy with ResNet-18 (not in the paper).
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/taskonomy.py', '../_base_/schedules/adam_taskonomy.py',
    '../_base_/default_runtime.py'
]
model = dict(backbone=dict(out_indices=(0, 1, 2, 3)))  # all stages; the heads take the last, as ever
method = dict(
    type='GlobalPOD',
    norm='l1',
    weight=3e-4)  # a start: as for NYUv2
