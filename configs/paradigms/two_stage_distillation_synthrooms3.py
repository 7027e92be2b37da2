_base_ = ['../_base_/streams/synthrooms3.py', '../_base_/methods/two_stage_distillation.py']
method = dict(alpha=1.0, optimizer=dict(lr=1e-3))  # the stream's rate
