# SynthRooms with Taskonomy's ten tasks: 1000 rendered rooms of 64x64, everything but the method. Written by
#   tools/dataset_converters/synth_rooms.py data/synth_taskonomy_tiny
#     --layout taskonomy --train 1000 --val 100 --size 64 64
_base_ = [
    '../models/resnet18_tiny_aspp.py', '../datasets/taskonomy.py', '../schedules/adam_synth_rooms.py',
    '../default_runtime.py'
]
data_root = 'data/synth_taskonomy_tiny'
buildings = dict(_delete_=True, train=['furnished1', 'furnished2', 'furnished3'], val=['unseen1'])
classes = ['background', 'chair', 'couch', 'bed', 'table', 'tv', 'book', 'vase']  # a vase is any object
# Of the training images: python tools/check_dataset.py configs/had/had_tiny_synthtaskonomy.py
tasks = dict(
    segmentation=dict(num_classes=8, classes=classes),
    depth=dict(mean=2.781, std=1.213),
    edge_occlusion=dict(mean=210.0, std=341.6),
    reshading=dict(mean=0.7376, std=0.2631),
    keypoints2d=dict(mean=7.224, std=26.6),
    edge_texture=dict(mean=2986.0, std=3957.0),
    euclidean_distance=dict(mean=3.035, std=1.279),
    principal_curvature=dict(mean=[0.136, 0.03182], std=[1.518, 0.4387]),
    keypoints3d=dict(mean=2125.0, std=6441.0))
train_dataloader = dict(
    batch_size=8,
    num_workers=1,
    pin_memory=False,
    dataset=dict(data_root=data_root, buildings=buildings, classes=classes))
val_dataloader = dict(
    batch_size=20, num_workers=1, dataset=dict(data_root=data_root, buildings=buildings, classes=classes))
train_cfg = dict(max_epochs=8)  # of 100 images in each of the ten phases
default_hooks = dict(checkpoint=dict(interval=4))  # an epoch takes seconds
