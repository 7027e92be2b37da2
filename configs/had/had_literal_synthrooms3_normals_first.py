# HAD with the geometric mean of Eq. 6 as it is written, as far as float32 goes.
_base_ = ['./had_synthrooms3_normals_first.py']
method = dict(distribution_balanced=dict(relative_epsilon=1e-6))
# Not searched: one guess.
_base_.phases[1].method = dict(alpha=1)  # depth
_base_.phases[2].method = dict(alpha=0.2)  # segmentation
