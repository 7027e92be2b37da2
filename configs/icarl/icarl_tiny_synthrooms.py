_base_ = ['../_base_/streams/tiny_synthrooms.py', '../_base_/methods/icarl.py']
method = dict(weight=1.0)
# Strengths found with tools/search.py on other rooms, see docs/benchmarks_first_edition.md.
_base_.phases[1].method = dict(weight=1)  # depth
_base_.phases[2].method = dict(weight=0.02)  # normal
