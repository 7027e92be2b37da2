_base_ = ['../_base_/streams/tiny_synthrooms.py', '../_base_/methods/hcl.py']
method = dict(
    weight=1.0,
    # A fifth of HCL's steps: as many passes over images as a phase's training has.
    inversion=dict(steps=100, warmup_steps=20),
    num_images=32)
# LwF's strengths, see docs/benchmarks_first_edition.md: HCL was not searched.
_base_.phases[1].method = dict(weight=2)  # depth
_base_.phases[2].method = dict(weight=0.08)  # normal
