_base_ = ['../_base_/streams/synthrooms3_normals_first.py', '../_base_/methods/derpp.py']
method = dict(weight=0.5, label_weight=0.5)
# Strengths of the tiny rooms; not searched here yet.
_base_.phases[1].method = dict(weight=1)  # depth
_base_.phases[2].method = dict(weight=1)  # segmentation
