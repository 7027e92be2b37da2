_base_ = ['../_base_/streams/r18_cityscapes.py', '../_base_/methods/local_pod_fro.py']
model = dict(backbone=dict(out_indices=(0, 1, 2, 3)))
method = dict(weight=0.01)  # a start: PLOP's
