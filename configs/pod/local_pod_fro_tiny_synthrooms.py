_base_ = ['../_base_/synth_rooms_tiny.py']
model = dict(backbone=dict(out_indices=(0, 1, 2, 3)))  # all stages; the heads take the last, as ever
method = dict(
    type='LocalPOD',
    norm='fro',
    weight=0.01)  # a start: PLOP's
# Strengths found with tools/search.py on other rooms, see docs/benchmarks.md.
phases = [
    dict(task='segmentation', train_cfg=dict(max_epochs=20)),
    dict(task='depth', method=dict(weight=0.003)),
    dict(task='normal', method=dict(weight=0.0005)),
]
