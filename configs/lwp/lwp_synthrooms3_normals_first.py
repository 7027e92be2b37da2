_base_ = ['../_base_/streams/synthrooms3_normals_first.py', '../_base_/methods/lwp.py']
method = dict(
    alpha=1.0,  # as for DIS
    group_threshold=0.9)  # as for HAD
# Searched with seed 0 on rooms of their own (docs/benchmarks.md#strengths).
_base_.phases[1].method = dict(alpha=16, distance_weight=0.1)  # depth
_base_.phases[2].method = dict(alpha=0.8, distance_weight=0.01)  # segmentation
