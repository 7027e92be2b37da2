_base_ = ['../_base_/streams/tiny_synthrooms.py', '../_base_/methods/detached_distillation.py']
method = dict(alpha=1.0)
