# SynthRooms in NYUv2's layout and through NYUv2's loader. Written by tools/dataset_converters/synth_rooms.py.
_base_ = ['./nyuv2.py']
data_root = 'data/synth_rooms'
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    pin_memory=False,
    dataset=dict(
        data_root=data_root,
        pipeline=[dict(type='RandomHorizontalFlip', probability=0.5), dict(type='PackSample')]))
val_dataloader = dict(batch_size=20, num_workers=1, dataset=dict(data_root=data_root))
