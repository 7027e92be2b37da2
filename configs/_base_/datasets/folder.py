# Your own images. A folder of pictures, and one of targets per task, matched by name (room1/0001.jpg, room1/0001.png):
#     data/mine/images/   data/mine/depth/   data/mine/label/   data/mine/normal/
# docs/data/folder.md explains each line. Before training: python tools/check_dataset.py CONFIG
data_root = 'data/mine'
tasks = dict(
    # mean and std of your training images: check_dataset.py prints this line
    depth=dict(type='DepthEstimation', mean=0.0, std=1.0),
    segmentation=dict(type='SemanticSegmentation', num_classes=2, classes=['background', 'object']),
    normal=dict(type='SurfaceNormalEstimation'))
phases = [dict(task='depth'), dict(task='segmentation'), dict(task='normal')]

_targets = dict(
    depth=dict(folder='depth', scale=0.001, invalid=0),  # PNG of 16 bits in millimetres, 0 where unknown
    segmentation=dict(folder='label', invalid=255),  # PNG of 8 bits with class indices, 255 to ignore
    normal=dict(folder='normal', scale=2 / 255, offset=-1, invalid=[0, 127, 128]))  # PNG of 8 bits: 0 is -1, 255 is 1
_splits = dict(train=0.8, val=0.2)  # or lists of names: dict(train='train.txt', val='val.txt')
_size = (288, 384)  # height and width for the network, multiples of 32

train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='FolderDataset',
        data_root=data_root,
        split='train',
        images='images',
        targets=_targets,
        splits=_splits,
        pipeline=[
            dict(type='RandomResizedCropPad', size=_size, scale=(0.5, 2.0)),
            dict(type='RandomHorizontalFlip', probability=0.5),
            dict(type='PhotometricDistortion'),
            dict(type='PackSample')
        ]))
val_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='EpochSampler', shuffle=False),
    dataset=dict(
        type='FolderDataset',
        data_root=data_root,
        split='val',
        images='images',
        targets=_targets,
        splits=_splits,
        pipeline=[dict(type='Resize', size=_size), dict(type='PackSample')]))
