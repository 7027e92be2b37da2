# Adds a fourth task to the quickstart's run: python tools/extend.py work_dirs/quickstart/had --config THIS_FILE
_base_ = ['../_base_/streams/reshading_synthrooms.py', '../_base_/methods/had.py']
method = dict(alpha=5, group_threshold=0.9, saliency_guided=dict(edge_threshold=0.5))  # thresholds as for NYUv2
