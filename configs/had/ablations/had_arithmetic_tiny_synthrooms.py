# HAD with arithmetic instead of geometric means inside the groups (Table 4).
_base_ = ['../had_tiny_synthrooms.py']
method = dict(distribution_balanced=dict(mean='arithmetic'))
