# Adds a fourth task to the quickstart's run: python tools/extend.py work_dirs/quickstart/had --config THIS_FILE
_base_ = [
    '../_base_/datasets/synth_rooms_reshading.py', '../_base_/schedules/adam_synth_rooms.py',
    '../_base_/default_runtime.py'
]
method = dict(
    type='HAD', alpha=1.0, group_threshold=0.9, distribution_balanced=dict(type='DistributionBalancedLoss'),
    saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.5))
default_hooks = dict(checkpoint=dict(interval=5))
