# SynthRooms, the quickstart and the benchmark: 600 rendered rooms of 72x96, everything but the method.
_base_ = [
    '../models/resnet18_tiny_aspp.py', '../datasets/synth_rooms.py', '../schedules/adam_synth_rooms.py',
    '../default_runtime.py'
]
data_root = 'data/synth_rooms_tiny'
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
phases = [
    dict(task='segmentation', train_cfg=dict(max_epochs=20)),  # starts from random weights
    dict(task='depth'),
    dict(task='normal'),
]
train_cfg = dict(max_epochs=14)
default_hooks = dict(checkpoint=dict(interval=5))  # an epoch takes two seconds
