_base_ = ['../_base_/streams/r18_cityscapes.py', '../_base_/methods/global_pod_l1.py']
model = dict(backbone=dict(out_indices=(0, 1, 2, 3)))
method = dict(weight=3e-4)  # a start: as for NYUv2
