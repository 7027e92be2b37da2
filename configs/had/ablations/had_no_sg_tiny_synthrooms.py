# HAD without the saliency-guided loss (Table 4).
_base_ = ['../had_tiny_synthrooms.py']
method = dict(saliency_guided=None)
