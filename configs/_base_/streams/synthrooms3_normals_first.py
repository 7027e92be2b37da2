# The benchmark synthrooms3 in the opposite order: normals, depth, segmentation.
_base_ = ['./synthrooms3.py']
phases = [dict(task='normal', train_cfg=dict(max_epochs=25)), dict(task='depth'), dict(task='segmentation')]
