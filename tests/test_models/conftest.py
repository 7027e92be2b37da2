"""The learner of the configs, full size or with 8 channels."""
from pathlib import Path

import torch
from mmengine.config import Config

from lhl.models import Learner

MODEL_CONFIGS = Path(__file__).parents[2] / 'configs' / '_base_' / 'models'
TASKS = dict(
    segmentation=dict(type='SemanticSegmentation', num_classes=13),
    depth=dict(type='DepthEstimation'),
    normal=dict(type='SurfaceNormalEstimation'))


def learner_config(name='resnet18_aspp', tasks=TASKS):
    """The config of a learner without pretrained weights."""
    config = Config.fromfile(MODEL_CONFIGS / f'{name}.py').model.to_dict()
    config.pop('type')
    config['backbone']['init_cfg'] = None
    return dict(config, tasks=tasks)


def tiny_config(tasks=TASKS, **backbone):
    """The paper's ResNet-18 learner with 8 channels at the stem instead of 64."""
    config = learner_config(tasks=tasks)
    config['backbone'].update(stem_channels=8, base_channels=8, **backbone)
    config['head'].update(in_channels=64, channels=8, dilations=(1, 2, 3))
    return config


def tiny_learner(seed=0, **options):
    torch.manual_seed(seed)
    return Learner(**dict(tiny_config(), **options))


def images(batch_size=2, size=(24, 40), seed=0):
    return torch.randn(batch_size, 3, *size, generator=torch.Generator().manual_seed(seed))
