# Taskonomy with HAD's ten tasks, a PNG per view and domain; shrink it first: tools/dataset_converters/taskonomy.py
data_root = 'data/taskonomy'
# HAD trains on 1,390 images of three buildings and tests on another one, but does not name them. Choose yours with
# buildings=dict(train=[...], val=[...]); 'tiny' is Taskonomy's own split of 35 buildings.
buildings = 'tiny'
metrics = [dict(type='LossMetric')]  # the measure of HAD's Table 2
# mean and std are those of Standley et al.'s loader of Taskonomy ("Which tasks should be learned together?"), in the
# units of the tasks: of depths 1/512 m and of curvatures (2 x / 254 - 1) / 0.03 per metre. They are for 512 pixels a
# side; edges and keypoints are weaker in smaller pictures: fit theirs with tools/check_dataset.py.
tasks = dict(
    # HAD has 8 outputs but does not name the classes: see classes='present' and classes=[...] of the data set.
    segmentation=dict(
        type='SemanticSegmentation',
        num_classes=17,
        classes=['background', 'bottle', 'chair', 'couch', 'plant', 'bed', 'table', 'toilet', 'tv', 'microwave',
                 'oven', 'toaster', 'sink', 'fridge', 'book', 'clock', 'vase'],
        metrics=metrics),
    depth=dict(type='DepthEstimation', mean=1500 / 512, std=1000 / 512, metrics=metrics),
    normal=dict(type='SurfaceNormalEstimation', metrics=metrics),
    edge_occlusion=dict(type='EdgeEstimation', mean=56.0248, std=239.1265, metrics=metrics),
    reshading=dict(type='ReshadingEstimation', mean=0.4962, std=0.2846, metrics=metrics),
    keypoints2d=dict(type='KeypointEstimation', mean=50.0, std=100.0, metrics=metrics),
    edge_texture=dict(type='EdgeEstimation', mean=718.0, std=1070.0, metrics=metrics),
    # Theirs are of depth; they have none of its own.
    euclidean_distance=dict(type='EuclideanDistanceEstimation', mean=1500 / 512, std=1000 / 512, metrics=metrics),
    principal_curvature=dict(
        type='PrincipalCurvatureEstimation',
        mean=[(2 * 255 / 254 * 0.5175 - 1) / 0.03, (2 * 255 / 254 * 0.4987 - 1) / 0.03],
        std=[2 * 255 / 254 * 0.1373 / 0.03, 2 * 255 / 254 * 0.0359 / 0.03],
        metrics=metrics),
    # None are published; these are those of rendered rooms, rounded: fit them with tools/check_dataset.py.
    keypoints3d=dict(type='KeypointEstimation', mean=2000.0, std=6000.0, metrics=metrics))
phases = [
    dict(task='segmentation'),
    dict(task='depth'),
    dict(task='normal'),
    dict(task='edge_occlusion'),
    dict(task='reshading'),
    dict(task='keypoints2d'),
    dict(task='edge_texture'),
    dict(task='euclidean_distance'),
    dict(task='principal_curvature'),
    dict(task='keypoints3d')
]  # HAD, Appendix C.4

train_dataloader = dict(
    batch_size=16,  # HAD, Appendix C.4
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='Taskonomy',
        data_root=data_root,
        split='train',
        buildings=buildings,
        # The paper names no augmentation; a zoom would change edges and keypoints in ways that no task corrects.
        pipeline=[dict(type='RandomHorizontalFlip', probability=0.5), dict(type='PackSample')]))
val_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='EpochSampler', shuffle=False),
    dataset=dict(
        type='Taskonomy', data_root=data_root, split='val', buildings=buildings, pipeline=[dict(type='PackSample')]))
