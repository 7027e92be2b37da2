# The quickstart: HAD learns three tasks on 600 rendered rooms of 72x96 in about a minute and a half on two cores.
_base_ = [
    '../_base_/models/resnet18_tiny_aspp.py', '../_base_/datasets/synth_rooms.py',
    '../_base_/schedules/adam_synth_rooms.py', '../_base_/default_runtime.py'
]
data_root = 'data/synth_rooms_72x96'
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
phases = [  # phase 1 starts from random weights and takes longer
    dict(task='segmentation', train_cfg=dict(max_epochs=20)),
    dict(task='depth'),
    dict(task='normal'),
]
method = dict(
    type='HAD',
    alpha=1.0,
    group_threshold=0.9,
    distribution_balanced=dict(type='DistributionBalancedLoss'),
    saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.5))
