_base_ = ['../_base_/streams/synthrooms3_normals_first.py', '../_base_/methods/icarl.py']
method = dict(weight=1.0)
# Searched with seed 0 on rooms of their own (docs/benchmarks.md#strengths).
_base_.phases[1].method = dict(weight=16)  # depth
_base_.phases[2].method = dict(weight=4)  # segmentation
