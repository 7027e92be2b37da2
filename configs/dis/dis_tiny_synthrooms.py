_base_ = ['../_base_/synth_rooms_tiny.py']
method = dict(type='DIS', alpha=1.0)
# Strengths found with tools/search.py on other rooms, see docs/benchmarks.md.
phases = [
    dict(task='segmentation', train_cfg=dict(max_epochs=20)),
    dict(task='depth', method=dict(alpha=2)),
    dict(task='normal', method=dict(alpha=0.08)),
]
