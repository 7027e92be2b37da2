# HAD with 15 groups of equal width for regression tasks instead of two (Table 4).
_base_ = ['../had_r18_nyuv2.py']
method = dict(num_intervals=15)
