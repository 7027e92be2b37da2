_base_ = ['../_base_/streams/tiny_synthrooms.py', '../_base_/methods/local_pod_fro.py']
model = dict(backbone=dict(out_indices=(0, 1, 2, 3)))
method = dict(weight=0.01)  # a start: PLOP's
# Strengths found with tools/search.py on other rooms, see docs/benchmarks_first_edition.md.
_base_.phases[1].method = dict(weight=0.003)  # depth
_base_.phases[2].method = dict(weight=0.0005)  # normal
