_base_ = ['../_base_/synth_rooms_tiny.py']
method = dict(type='ICaRL', weight=1.0, memory_size=50)
# Strengths found with tools/search.py on other rooms, see docs/benchmarks.md.
phases = [
    dict(task='segmentation', train_cfg=dict(max_epochs=20)),
    dict(task='depth', method=dict(weight=1)),
    dict(task='normal', method=dict(weight=0.02)),
]
