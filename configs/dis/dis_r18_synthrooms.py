_base_ = ['../_base_/streams/r18_synthrooms.py', '../_base_/methods/dis.py']
method = dict(alpha=1.0)
