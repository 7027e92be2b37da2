# The heads of old tasks keep what they know, behind an adapter to the new features.
_base_ = ['./had_growing_tiny_synthrooms.py']
phases = [
    dict(task='segmentation'),
    dict(task='depth', backbone=_base_.resnet50, old_heads='adapted', method=dict(alpha=0.1)),
    dict(task='normal', backbone=_base_.swin, old_heads='adapted'),
]
