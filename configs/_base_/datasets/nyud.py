# NYUD-v2 with 40 classes, in any of its releases: NYUD_MT/{images,segmentation,depth,normals,edge,gt_sets}
data_root = 'data/NYUD_MT'
tasks = dict(
    segmentation=dict(
        type='SemanticSegmentation',
        num_classes=40,
        classes=['wall', 'floor', 'cabinet', 'bed', 'chair', 'sofa', 'table', 'door', 'window', 'bookshelf', 'picture',
                 'counter', 'blinds', 'desk', 'shelves', 'curtain', 'dresser', 'pillow', 'mirror', 'floor mat',
                 'clothes', 'ceiling', 'books', 'refrigerator', 'television', 'paper', 'towel', 'shower curtain', 'box',
                 'whiteboard', 'person', 'night stand', 'toilet', 'sink', 'lamp', 'bathtub', 'bag', 'other structure',
                 'other furniture', 'other prop']),
    depth=dict(type='DepthEstimation', metrics=[dict(type='DepthMetric', names=['rmse', 'AbsErr', 'RelErr'])]),
    normal=dict(type='SurfaceNormalEstimation'),
    boundary=dict(
        type='BoundaryDetection',
        positive_weight=0.8,  # ATRC
        metrics=[dict(type='BoundaryMetric', max_distance=0.011)]))  # of the diagonal: ATRC
# Learned together in the literature they weigh: segmentation 1, depth 1, normal 10, boundary 50 (InvPT). Here:
# method=dict(type='Joint', task_weights=dict(normal=10, boundary=50)).
phases = [dict(task='segmentation'), dict(task='depth'), dict(task='normal'), dict(task='boundary')]

train_dataloader = dict(
    batch_size=8,  # ours
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='NYUDv2',
        data_root=data_root,
        split='train',
        pipeline=[  # ATRC and InvPT
            dict(type='RandomResizedCropPad', size=(425, 560), scale=(0.5, 2.0)),
            dict(type='RandomHorizontalFlip', probability=0.5),
            dict(type='PhotometricDistortion'),
            dict(type='PackSample')
        ]))
val_dataloader = dict(
    batch_size=1,  # at the size that each image has
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='EpochSampler', shuffle=False),
    dataset=dict(type='NYUDv2', data_root=data_root, split='val', pipeline=[dict(type='PackSample')]))
