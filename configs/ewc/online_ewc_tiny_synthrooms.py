_base_ = ['../_base_/streams/tiny_synthrooms.py', '../_base_/methods/online_ewc.py']
method = dict(penalty=1e3)
# Strengths found with tools/search.py on other rooms, see docs/benchmarks_first_edition.md.
_base_.phases[1].method = dict(penalty=10000)  # depth
_base_.phases[2].method = dict(penalty=300)  # normal
