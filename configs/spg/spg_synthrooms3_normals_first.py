_base_ = ['../_base_/streams/synthrooms3_normals_first.py', '../_base_/methods/spg.py']
# Searched with seed 0 on rooms of their own (docs/benchmarks.md#strengths).
_base_.phases[1].optim_wrapper = dict(optimizer=dict(lr=0.002))  # depth
_base_.phases[2].optim_wrapper = dict(optimizer=dict(lr=0.002))  # segmentation
