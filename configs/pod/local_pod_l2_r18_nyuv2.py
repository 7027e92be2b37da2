# Local POD with the mean square (L2) on NYUv2 with ResNet-18 (Table 10).
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/nyuv2.py', '../_base_/schedules/adam_nyuv2.py',
    '../_base_/default_runtime.py'
]
model = dict(backbone=dict(out_indices=(0, 1, 2, 3)))  # all stages; the heads take the last, as ever
method = dict(
    type='LocalPOD',
    norm='l2',
    weight=0.4)  # a start: about as steep as 'fro' at 0.01, judged from SynthRooms; the paper gives none
