# HAD without the distribution-balanced loss (Table 4).
_base_ = ['../had_tiny_synthrooms.py']
method = dict(distribution_balanced=None)
