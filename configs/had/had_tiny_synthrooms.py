_base_ = ['../_base_/synth_rooms_tiny.py']
method = dict(
    type='HAD',
    alpha=1.0,  # measured: 1 to 10 keep the old tasks alike, 1 hinders the new one least
    group_threshold=0.9,  # as for NYUv2
    distribution_balanced=dict(type='DistributionBalancedLoss'),
    saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.5))  # as for NYUv2
# Strengths found with tools/search.py on other rooms, see docs/benchmarks.md.
phases = [
    dict(task='segmentation', train_cfg=dict(max_epochs=20)),
    dict(task='depth', method=dict(alpha=0.5)),
    dict(task='normal', method=dict(alpha=0.08)),
]
