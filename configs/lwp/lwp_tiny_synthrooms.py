_base_ = ['../_base_/synth_rooms_tiny.py']
method = dict(
    type='LwP',
    alpha=1.0,  # as for DIS
    distance_weight=1.0,  # measured to make the term as large as those of the distillation, not tuned
    group_threshold=0.9)  # as for HAD
# Strengths found with tools/search.py on other rooms, see docs/benchmarks.md.
phases = [
    dict(task='segmentation', train_cfg=dict(max_epochs=20)),
    dict(task='depth', method=dict(alpha=2, distance_weight=1)),
    dict(task='normal', method=dict(alpha=0.08, distance_weight=0.01)),
]
