# HAD with arithmetic means inside the groups of regression tasks, as the authors' code has them.
_base_ = ['../had_tiny_synthrooms.py']
method = dict(arithmetic_regression=True)
