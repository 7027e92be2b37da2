# HAD with arithmetic means inside the groups of regression tasks, as the authors' code has them.
_base_ = ['../had_r50_nyuv2.py']
method = dict(arithmetic_regression=True)
