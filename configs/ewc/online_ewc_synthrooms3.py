_base_ = ['../_base_/streams/synthrooms3.py', '../_base_/methods/online_ewc.py']
method = dict(penalty=1e3)
# Strengths of the tiny rooms; not searched here yet.
_base_.phases[1].method = dict(penalty=10000)  # depth
_base_.phases[2].method = dict(penalty=300)  # normal
