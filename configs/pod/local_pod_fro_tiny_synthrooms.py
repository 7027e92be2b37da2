_base_ = ['../_base_/synth_rooms_tiny.py']
model = dict(backbone=dict(out_indices=(0, 1, 2, 3)))  # all stages; the heads take the last, as ever
method = dict(
    type='LocalPOD',
    norm='fro',
    weight=0.01)  # a start: PLOP's
