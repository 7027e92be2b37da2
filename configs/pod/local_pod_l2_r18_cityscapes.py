_base_ = ['../_base_/streams/r18_cityscapes.py', '../_base_/methods/local_pod_l2.py']
model = dict(backbone=dict(out_indices=(0, 1, 2, 3)))
method = dict(weight=0.4)  # a start: as for NYUv2
