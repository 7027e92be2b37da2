_base_ = ['../_base_/streams/synthrooms3.py', '../_base_/methods/sgp.py']
method = dict(
    scale=100,  # searched like the learning rates
    freeze_rest=True)  # as the authors' code has it
# Learning rates searched with seed 0 on rooms of their own (docs/benchmarks.md#strengths).
_base_.phases[1].optim_wrapper = dict(optimizer=dict(lr=0.0005))  # depth
_base_.phases[2].optim_wrapper = dict(optimizer=dict(lr=0.004))  # normal
