_base_ = ['../_base_/streams/synthrooms3.py', '../_base_/methods/lwf.py']
method = dict(weight=1.0)
# Searched with seed 0 on rooms of their own (docs/benchmarks.md#strengths).
_base_.phases[1].method = dict(weight=1)  # depth
_base_.phases[2].method = dict(weight=0.0125)  # normal
