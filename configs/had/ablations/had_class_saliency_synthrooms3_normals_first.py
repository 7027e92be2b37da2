# HAD with the saliency-guided loss for classes only: regression tasks have the distribution-balanced one.
_base_ = ['../had_synthrooms3_normals_first.py']
method = dict(saliency_of_regression=False)
# Searched as for HAD (docs/benchmarks.md); segmentation as there.
_base_.phases[1].method = dict(alpha=16)  # depth
