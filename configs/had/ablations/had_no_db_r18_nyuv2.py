# HAD without the distribution-balanced loss (Table 4).
_base_ = ['../had_r18_nyuv2.py']
method = dict(distribution_balanced=None)
