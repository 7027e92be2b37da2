_base_ = ['../_base_/streams/synthrooms3.py', '../_base_/methods/hcl.py']
method = dict(
    weight=1.0,
    # A fifth of HCL's steps: as many passes over images as a phase's training has.
    inversion=dict(steps=100, warmup_steps=20),
    num_images=32)
# LwF's strengths.
_base_.phases[1].method = dict(weight=1)  # depth
_base_.phases[2].method = dict(weight=0.0125)  # normal
