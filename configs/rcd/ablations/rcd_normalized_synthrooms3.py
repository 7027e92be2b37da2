# RCD with soft targets whose new loss has no unit either; the multipliers are shares of it.
_base_ = ['./rcd_soft_synthrooms3.py']
method = dict(normalize_new_loss=True, bounds=(0.03, 0.3))
