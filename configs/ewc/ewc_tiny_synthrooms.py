_base_ = ['../_base_/synth_rooms_tiny.py']
method = dict(type='EWC', penalty=1e3)
# Strengths found with tools/search.py on other rooms, see docs/benchmarks.md.
phases = [
    dict(task='segmentation', train_cfg=dict(max_epochs=20)),
    dict(task='depth', method=dict(penalty=10000)),
    dict(task='normal', method=dict(penalty=300)),
]
