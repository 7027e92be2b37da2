# HAD with the saliency-guided loss for classes only: regression tasks have the distribution-balanced one.
_base_ = ['../had_tiny_synthrooms.py']
method = dict(saliency_of_regression=False)
