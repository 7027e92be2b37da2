# CityScapes with 7 classes, the preprocessed release: {train,val}/{image,label_7,depth}/{i}.npy
data_root = 'data/cityscapes'
tasks = dict(
    segmentation=dict(
        type='SemanticSegmentation',
        num_classes=7,
        classes=['flat', 'construction', 'object', 'nature', 'sky', 'human', 'vehicle'],
        palette=[[128, 64, 128], [70, 70, 70], [220, 190, 40], [107, 142, 35], [70, 130, 180], [220, 20, 60],
                 [0, 0, 142]]),
    depth=dict(type='DisparityEstimation'))  # what the literature calls its depth: the official value over 65535
phases = [dict(task='segmentation'), dict(task='depth')]  # HAD, Table 8; the table has the other order, too

train_dataloader = dict(
    batch_size=64,  # HAD, Appendix C.4
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='CityScapes',
        data_root=data_root,
        split='train',
        # The paper names no augmentation; LibMTL has none here, Auto-Lambda this one.
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
    dataset=dict(type='CityScapes', data_root=data_root, split='val', pipeline=[dict(type='PackSample')]))
