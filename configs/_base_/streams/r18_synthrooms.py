# SynthRooms, a CPU benchmark: 900 rendered rooms of 72x96, everything but the method.
_base_ = [
    '../models/resnet18_small_aspp.py', '../datasets/synth_rooms.py', '../schedules/adam_synth_rooms.py',
    '../default_runtime.py'
]
data_root = 'data/synth_rooms'
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
phases = [  # the first starts from random weights and takes longer
    dict(task='segmentation', train_cfg=dict(max_epochs=25)),
    dict(task='depth'),
    dict(task='normal'),
]
train_cfg = dict(max_epochs=12)
