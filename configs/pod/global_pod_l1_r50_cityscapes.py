_base_ = ['../_base_/streams/r50_cityscapes.py', '../_base_/methods/global_pod_l1.py']
model = dict(backbone=dict(out_indices=(0, 1, 2, 3)))
method = dict(weight=1.5e-4)  # a start: as for NYUv2
