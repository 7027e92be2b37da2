_base_ = ['../_base_/streams/synthrooms3_normals_first.py', '../_base_/methods/ewc.py']
method = dict(penalty=1e3)
# Strengths of the tiny rooms; not searched here yet.
_base_.phases[1].method = dict(penalty=10000)  # depth
_base_.phases[2].method = dict(penalty=10000)  # segmentation
