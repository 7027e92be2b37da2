_base_ = ['../_base_/streams/synthrooms3.py', '../_base_/methods/ewc.py']
method = dict(penalty=1e3)
# Searched with seed 0 on rooms of their own (docs/benchmarks.md#strengths).
_base_.phases[1].method = dict(penalty=1e5)  # depth
_base_.phases[2].method = dict(penalty=3)  # normal
