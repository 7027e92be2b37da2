"""One task of every kind, by a name that says nothing of the kind."""
from lhl.tasks import build_tasks

CONFIGS = dict(
    scene=dict(type='SemanticSegmentation', num_classes=13),
    distance=dict(type='DepthEstimation'),
    orientation=dict(type='SurfaceNormalEstimation'))
TASKS = build_tasks(dict(
    CONFIGS,
    borders=dict(type='BoundaryDetection'),
    attention=dict(type='SaliencyEstimation'),
    body=dict(type='HumanPartSegmentation'),
    inverse=dict(type='DisparityEstimation'),
    range=dict(type='EuclideanDistanceEstimation'),
    edges=dict(type='EdgeEstimation', mean=718.0, std=1070.0),
    corners=dict(type='KeypointEstimation'),
    shade=dict(type='ReshadingEstimation'),
    bend=dict(type='PrincipalCurvatureEstimation', mean=[1.3, 0.04], std=[9.2, 2.4])))
