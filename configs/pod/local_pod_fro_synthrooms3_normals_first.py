_base_ = ['../_base_/streams/synthrooms3_normals_first.py', '../_base_/methods/local_pod_fro.py']
model = dict(backbone=dict(out_indices=(0, 1, 2, 3)))
method = dict(weight=0.01)  # a start: PLOP's
# Strengths of the tiny rooms; not searched here yet.
_base_.phases[1].method = dict(weight=0.003)  # depth
_base_.phases[2].method = dict(weight=0.003)  # segmentation
