_base_ = ['../_base_/streams/synthrooms3_pretrained.py', '../_base_/methods/dis.py']
method = dict(alpha=1.0)
# Not searched here: one guess for DIS and HAD alike.
_base_.phases[1].method = dict(alpha=1)  # depth
_base_.phases[2].method = dict(alpha=0.2)  # normal
