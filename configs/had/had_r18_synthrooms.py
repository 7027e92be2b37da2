_base_ = ['../_base_/streams/r18_synthrooms.py', '../_base_/methods/had.py']
method = dict(
    alpha=1.0,  # measured: 1 to 10 keep the old tasks equally well, 1 hinders the new one least
    group_threshold=0.9,  # as for NYUv2
    saliency_guided=dict(edge_threshold=0.5))  # as for NYUv2
