# HAD with the saliency-guided loss for classes only: regression tasks have the distribution-balanced one.
_base_ = ['../had_synthrooms3.py']
method = dict(saliency_of_regression=False)
# Searched as for HAD (docs/benchmarks.md), with the same result.
