# Joint training on Taskonomy with ResNet-18: every image with all its labels, as in the paper.
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/taskonomy.py', '../_base_/schedules/adam_taskonomy.py',
    '../_base_/default_runtime.py'
]
phases = [dict(tasks=[
    'segmentation', 'depth', 'normal', 'edge_occlusion', 'reshading',
    'keypoints2d', 'edge_texture', 'euclidean_distance', 'principal_curvature', 'keypoints3d'])]
method = dict(type='Joint')  # the paper gives no task weights
