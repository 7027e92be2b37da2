_base_ = ['../_base_/streams/synthrooms3_normals_first.py', '../_base_/methods/dis.py']
method = dict(alpha=1.0)
# Searched with seed 0 on rooms of their own, as many values for DIS as for HAD (docs/benchmarks.md).
_base_.phases[1].method = dict(alpha=16)  # depth
_base_.phases[2].method = dict(alpha=0.8)  # segmentation
