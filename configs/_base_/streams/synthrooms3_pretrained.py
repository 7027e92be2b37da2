# The benchmark synthrooms3_pretrained: the rooms of synthrooms3, learned from ImageNet weights.
_base_ = [
    '../models/mobilenet_v2_pretrained_aspp.py', '../datasets/synth_rooms.py', '../schedules/adam_synth_rooms.py',
    '../default_runtime.py'
]
data_root = 'data/synth_rooms'
train_dataloader = dict(dataset=dict(data_root=data_root))
val_dataloader = dict(dataset=dict(data_root=data_root))
phases = [dict(task='segmentation', train_cfg=dict(max_epochs=12)), dict(task='depth'), dict(task='normal')]
train_cfg = dict(max_epochs=10)
