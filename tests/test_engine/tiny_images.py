"""Streams of image-level tasks that are learned in seconds: images of one colour per class, made as they are read."""
from copy import deepcopy
from pathlib import Path

import numpy as np
from mmengine.config import Config

from lhl.datasets import DenseDataset
from lhl.registry import DATASETS
from test_engine.tiny_stream import CONFIGS, stream_config

#: Class-incremental: three tasks of two classes each, views of one head.
OBJECTS = {f'objects_{number + 1}': dict(type='ImageClassification', num_classes=6, head='objects',
                                         labels=[2 * number, 2 * number + 1]) for number in range(3)}
#: One backbone after the other.
GROWING = [dict(task='objects_1'), dict(task='objects_2', backbone=dict(type='CIFARResNet', widen_factor=0.125)),
           dict(task='objects_3', backbone=dict(type='CIFARDenseNet', widen_factor=0.125))]
HCL = dict(type='HCL', weight=1.0)
LINEAR_HEAD = dict(type='LinearHead', in_channels=None)
COLOURS = np.array([(.9, .1, .1), (.1, .9, .1), (.1, .1, .9), (.9, .9, .1), (.1, .9, .9), (.9, .1, .9)], np.float32)


@DATASETS.register_module(force=True)
class ColourDataset(DenseDataset):
    """Noisy images of 32x48 pixels, each of the colour of its class: four of each class that the tasks teach."""

    def list_samples(self):
        taught = sorted({label for task in self.tasks.values() for label in task.labels})
        return [(label, number) for number in range(4) for label in taught]

    def path(self, sample, task=None):
        return Path('{}_{}.png'.format(*sample))

    def load_image(self, sample):
        noise = np.random.RandomState(10 * sample[0] + sample[1]).uniform(-.1, .1, (32, 48, 3))
        return (COLOURS[sample[0]] + noise).clip(0, 1).astype(np.float32)

    def load_target(self, sample, task):
        return np.full((1, 1), sample[0], np.int64), np.ones((1, 1), bool)


def image_loader(split):
    """The config of a data loader for the images."""
    augmentation = [dict(type='RandomScaleCrop', scales=(1.0, 1.5)), dict(type='RandomHorizontalFlip')]
    return dict(
        batch_size=2, num_workers=0, sampler=dict(type='EpochSampler', shuffle=split == 'train'),
        dataset=dict(type='ColourDataset', data_root='.', split=split,
                     pipeline=[*(augmentation if split == 'train' else []), dict(type='PackSample')]))


def class_incremental(work_dir, method=HCL, phases=GROWING, **options):
    """The config of a class-incremental stream: an epoch of four batches of two images in each phase."""
    cfg = Config(dict(
        model=dict(type='Learner', backbone=dict(type='CIFARLeNet', widen_factor=0.5), head=LINEAR_HEAD),
        tasks=deepcopy(OBJECTS), phases=deepcopy(phases), method=deepcopy(method),
        train_dataloader=image_loader('train'), val_dataloader=image_loader('val')))
    for base in ('schedules/adam_synth_rooms', 'default_runtime'):
        cfg.merge_from_dict(Config.fromfile(CONFIGS / '_base_' / f'{base}.py').to_dict())
    cfg.merge_from_dict(dict(train_cfg=dict(max_epochs=1), log_level='WARNING'))
    cfg.merge_from_dict({key.replace('__', '.'): value for key, value in options.items()})
    cfg.work_dir = str(work_dir)
    return cfg


def mixed(path, data_root, work_dir, method, **options):
    """The config of a mixed stream: segmentation of NYUv2's images, then two class-incremental tasks of these."""
    cfg = stream_config(path, data_root, work_dir, **{'train_cfg__max_epochs': 1, **options})
    images = {'train_dataloader': image_loader('train'), 'val_dataloader': image_loader('val')}
    for loader in images.values():
        loader['dataset']['_delete_'] = True
    cfg.tasks.update(deepcopy({name: OBJECTS[name] for name in ('objects_1', 'objects_2')}))
    cfg.phases = [dict(task='segmentation'), dict(task='objects_1', **deepcopy(images)),
                  dict(task='objects_2', **deepcopy(images))]
    cfg.model.heads = dict(objects=LINEAR_HEAD)
    cfg.method = deepcopy(method)
    return cfg
