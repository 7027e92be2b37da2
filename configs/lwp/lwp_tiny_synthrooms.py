_base_ = ['../_base_/streams/tiny_synthrooms.py', '../_base_/methods/lwp.py']
method = dict(
    alpha=1.0,  # as for DIS
    group_threshold=0.9)  # as for HAD
# Strengths found with tools/search.py on other rooms, see docs/benchmarks_first_edition.md.
_base_.phases[1].method = dict(alpha=2, distance_weight=1)  # depth
_base_.phases[2].method = dict(alpha=0.08, distance_weight=0.01)  # normal
