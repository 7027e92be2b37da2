# Adds a fourth task to the quickstart's run: python tools/extend.py work_dirs/quickstart/had --config THIS_FILE
_base_ = [
    '../_base_/datasets/synth_rooms_reshading.py', '../_base_/schedules/adam_synth_rooms.py',
    '../_base_/default_runtime.py'
]
method = dict(
    type='HAD', alpha=5, group_threshold=0.9, distribution_balanced=dict(type='DistributionBalancedLoss'),
    saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.5))
phases = [dict(task='reshading', lr_factors=dict(new_head=3))]
optim_wrapper = dict(optimizer=dict(lr=6e-4))  # what is trained already is to move less
train_cfg = dict(max_epochs=16)
