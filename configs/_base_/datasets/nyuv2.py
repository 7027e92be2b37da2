# NYUv2 with 13 classes, the preprocessed release: {train,val}/{image,label,depth,normal}/{i}.npy
data_root = 'data/nyuv2'
tasks = dict(
    segmentation=dict(
        type='SemanticSegmentation',
        num_classes=13,
        classes=['bed', 'books', 'ceiling', 'chair', 'floor', 'furniture', 'objects', 'picture', 'sofa', 'table', 'tv',
                 'wall', 'window']),
    depth=dict(type='DepthEstimation'),
    normal=dict(type='SurfaceNormalEstimation'))
phases = [dict(task='segmentation'), dict(task='depth'), dict(task='normal')]  # HAD, Appendix C.4

train_dataloader = dict(
    batch_size=48,  # HAD, Appendix C.4
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='NYUv2',
        data_root=data_root,
        split='train',
        # The paper names no augmentation; this is the benchmark's usual one (MTAN).
        pipeline=[
            dict(type='RandomScaleCrop', scales=(1.0, 1.2, 1.5)),
            dict(type='RandomHorizontalFlip', probability=0.5),
            dict(type='PackSample')
        ]))
val_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='EpochSampler', shuffle=False),
    dataset=dict(type='NYUv2', data_root=data_root, split='val', pipeline=[dict(type='PackSample')]))
