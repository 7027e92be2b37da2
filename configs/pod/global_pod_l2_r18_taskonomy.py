_base_ = ['../_base_/streams/r18_taskonomy.py', '../_base_/methods/global_pod_l2.py']
model = dict(backbone=dict(out_indices=(0, 1, 2, 3)))
method = dict(weight=0.03)  # a start: as for NYUv2
