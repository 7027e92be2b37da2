# Retention-constrained distillation of soft targets, with a new loss that has no unit either: the multipliers are
# shares of it. Nothing here is a strength to search; docs/rcd.md says how the constants were chosen, once for all.
_base_ = ['./rcd.py']
method = dict(distance=dict(temperature=2.0), normalize_new_loss=True, bounds=(0.03, 0.3))
