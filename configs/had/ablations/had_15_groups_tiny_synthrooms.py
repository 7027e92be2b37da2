# HAD with 15 groups of equal width for regression tasks instead of two (Table 4).
_base_ = ['../had_tiny_synthrooms.py']
method = dict(num_intervals=15)
