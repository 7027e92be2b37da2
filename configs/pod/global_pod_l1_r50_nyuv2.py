# Global POD with the L1 norm on NYUv2 with ResNet-50 (not in the paper).
_base_ = [
    '../_base_/models/resnet50_aspp.py', '../_base_/datasets/nyuv2.py', '../_base_/schedules/adam_nyuv2.py',
    '../_base_/default_runtime.py'
]
model = dict(backbone=dict(out_indices=(0, 1, 2, 3)))  # all stages; the heads take the last, as ever
method = dict(
    type='GlobalPOD',
    norm='l1',
    weight=1.5e-4)  # a start: about as steep as 'fro' at 0.01, judged from SynthRooms; the paper gives none
