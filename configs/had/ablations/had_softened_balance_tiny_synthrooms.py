# HAD with groups balanced half way: a pixel weighs the share of its group to the power of -0.5.
_base_ = ['../had_tiny_synthrooms.py']
method = dict(distribution_balanced=dict(balance=0.5))
