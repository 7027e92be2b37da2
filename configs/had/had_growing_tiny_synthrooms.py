_base_ = ['../_base_/streams/growing_tiny_synthrooms.py', '../_base_/methods/had.py']
method = dict(alpha=1.0, group_threshold=0.9, saliency_guided=dict(edge_threshold=0.5))  # thresholds as for NYUv2
# The strength for depth was found with tools/search.py on other rooms, see docs/benchmarks_first_edition.md.
_base_.phases[1].method = dict(alpha=0.1)  # depth
