_base_ = ['../_base_/synth_rooms_tiny.py']
method = dict(
    type='HCL',
    weight=1.0,
    # A fifth of HCL's steps: as many passes over images as a phase's training has.
    inversion=dict(type='QuickDeepInversion', steps=100, warmup_steps=20, learning_rate=0.03),
    num_images=32)
# LwF's strengths, see docs/benchmarks.md: HCL was not searched.
phases = [
    dict(task='segmentation', train_cfg=dict(max_epochs=20)),
    dict(task='depth', method=dict(weight=2)),
    dict(task='normal', method=dict(weight=0.08)),
]
