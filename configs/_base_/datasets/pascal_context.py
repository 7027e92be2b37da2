# PASCAL-Context with five tasks: PASCAL_MT/{JPEGImages,ImageSets,semseg,human_parts,normals_distill,sal_distill,...}
data_root = 'data/PASCAL_MT'
tasks = dict(
    segmentation=dict(
        type='SemanticSegmentation',
        num_classes=21,
        classes=['background', 'aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow',
                 'diningtable', 'dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train',
                 'tvmonitor']),
    human_parts=dict(type='HumanPartSegmentation'),
    saliency=dict(type='SaliencyEstimation'),
    normal=dict(type='SurfaceNormalEstimation'),
    boundary=dict(
        type='BoundaryDetection',
        positive_weight=0.95,  # ATRC and InvPT
        metrics=[dict(type='BoundaryMetric', max_distance=0.0075)]))  # of the diagonal: ATRC
# Learned together in the literature they weigh: segmentation 1, human_parts 2, saliency 5, normal 10, boundary 50
# (MTL-PyTorch, InvPT). Here:
# method=dict(type='Joint', task_weights=dict(human_parts=2, saliency=5, normal=10, boundary=50)).
phases = [dict(task='segmentation'), dict(task='human_parts'), dict(task='saliency'), dict(task='normal'),
          dict(task='boundary')]

train_dataloader = dict(
    batch_size=8,  # ours
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='PASCALContext',
        data_root=data_root,
        split='train',
        pipeline=[  # ATRC and InvPT
            dict(type='RandomResizedCropPad', size=(512, 512), scale=(0.5, 2.0)),
            dict(type='RandomHorizontalFlip', probability=0.5),
            dict(type='PhotometricDistortion'),
            dict(type='PackSample')
        ]))
val_dataloader = dict(
    batch_size=1,  # the images are of many sizes
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='EpochSampler', shuffle=False),
    dataset=dict(type='PASCALContext', data_root=data_root, split='val', pipeline=[dict(type='PackSample')]))
