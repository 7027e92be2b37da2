_base_ = ['../_base_/synth_rooms_growing.py']
method = dict(type='DIS', alpha=1.0)
# Strengths found with tools/search.py on other rooms, see docs/benchmarks.md.
phases = [
    dict(task='segmentation'),
    dict(task='depth', backbone=_base_.resnet50, method=dict(alpha=2)),
    dict(task='normal', backbone=_base_.swin, method=dict(alpha=0.2)),
]
