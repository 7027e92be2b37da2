# HAD with arithmetic instead of geometric means inside the groups (Table 4).
_base_ = ['../had_r50_nyuv2.py']
method = dict(distribution_balanced=dict(mean='arithmetic'))
