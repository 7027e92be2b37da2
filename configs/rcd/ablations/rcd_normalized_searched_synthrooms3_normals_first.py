# The normalised form without its constraint: constant multipliers, searched for each phase with seed 0 on rooms of
# their own (docs/rcd.md#the-normalised-form).
_base_ = ['../rcd_normalized_synthrooms3_normals_first.py']
method = dict(rate=0.0)
_base_.phases[1].method = dict(start=0.1)  # depth
_base_.phases[2].method = dict(start=0.03)  # segmentation
