_base_ = ['../_base_/streams/tiny_synthrooms.py', '../_base_/methods/derpp.py']
method = dict(weight=0.5, label_weight=0.5)
# Strengths found with tools/search.py on other rooms, see docs/benchmarks_first_edition.md.
_base_.phases[1].method = dict(weight=1)  # depth
_base_.phases[2].method = dict(weight=0.5)  # normal
