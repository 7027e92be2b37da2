_base_ = ['../_base_/streams/synthrooms3.py', '../_base_/methods/er.py']
method = dict(weight=1.0)  # the original's; not searched
