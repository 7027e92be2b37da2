"""Every method learns a stream of other kinds of tasks: yes or no, two numbers per pixel, and classes."""
import json
import math
from functools import cache

import numpy as np
import pytest
from mmengine.config import Config
from test_engine.tiny_stream import CONFIGS, halve

from lhl.engine import train_stream
from lhl.evaluation import Results
from lhl.registry import METHODS

SIZE = (24, 40)
BY_LOSS = [dict(type='LossMetric')]
TASKS = dict(
    boundary=dict(type='BoundaryDetection', metrics=BY_LOSS),
    curvature=dict(type='PrincipalCurvatureEstimation', mean=[1.3, 0.04], std=[9.2, 2.4], metrics=BY_LOSS),
    parts=dict(type='HumanPartSegmentation', metrics=BY_LOSS))
STREAM = list(TASKS)
#: The loss terms of each method's own in the phases that have old tasks; ``{}`` stands for each of those.
TERMS = dict(
    Combined=['ewc', 'lwf_{}'], DER=['replay'], DERpp=['replay', 'replay_labels'], DIS=['dis_{}'], ER=['replay_labels'],
    DetachedDistillation=['dis_{}'], EWC=['ewc'], GlobalPOD=['pod'],
    HAD=['distribution_balanced_{}', 'saliency_guided_{}'], HCL=['hcl_{}', 'hcl_inverted_{}'], ICaRL=['replay'],
    LocalPOD=['pod'], LwF=['lwf_{}'], LwP=['dis_{}', 'distances'], OnlineEWC=['ewc'], RCD=['rcd_{}'])
#: The term of methods that learn all tasks at once with a teacher from another run.
TAUGHT = dict(DIST='dist', KD='kd', KDAM='kdam')
#: What other methods have no terms for: they change how much, or which part, of the learner learns.
WITHOUT_TERMS = ('AGEM', 'FrozenEncoder', 'GPM', 'Joint', 'SGP', 'SPG', 'SingleTask', 'TwoStageDistillation', 'Vanilla')
ALL = sorted([*TERMS, *TAUGHT, *WITHOUT_TERMS])


@cache
def shipped_methods():
    """The config of each method as a benchmark of the repository runs it, by the method's type."""
    found = {}
    for path in sorted(CONFIGS.glob('[!_]*/**/*_tiny_synthrooms.py')):
        method = Config.fromfile(path).method
        found.setdefault(method.type, method.to_dict())
    return {**found, 'Combined': dict(type='Combined', methods=[found['EWC'], found['LwF']])}


def write_data(root, train=12, val=2):
    """Write images with random targets: a tenth of the pixels on a boundary, half the surfaces flat, a tenth of the
    labels unknown.
    """
    generator = np.random.default_rng(0)
    for number in range(train + val):
        labels = generator.integers(0, 7, SIZE)
        labels[generator.random(SIZE) < 0.1] = -1
        arrays = dict(
            images=generator.random((*SIZE, 3), np.float32),
            boundary=(generator.random(SIZE) < 0.1).astype(np.float32),
            curvature=(generator.normal(1, 5, (*SIZE, 2)) * (generator.random((*SIZE, 1)) < 0.5)).astype(np.float32),
            parts=labels)
        for folder, array in arrays.items():
            (root / folder).mkdir(parents=True, exist_ok=True)
            np.save(root / folder / f'{number:02}.npy', array)
    for split, numbers in (('train', range(train)), ('val', range(train, train + val))):
        (root / f'{split}.txt').write_text(''.join(f'{number:02}\n' for number in numbers))
    return root


def stream_config(name, data, work_dir, teacher=''):
    """The tiny benchmark's config with other tasks and data: two batches of two images in each phase."""
    cfg = Config.fromfile(CONFIGS / '_base_' / 'streams' / 'tiny_synthrooms.py')
    dataset = dict(type='FolderDataset', data_root=str(data), splits=dict(train='train.txt', val='val.txt'),
                   targets={task: dict(folder=task) for task in TASKS})
    pipelines = dict(
        train=[dict(type='RandomScaleCrop', scales=(1.0, 1.5)), dict(type='RandomHorizontalFlip'),
               dict(type='PackSample')],
        val=[dict(type='PackSample')])
    for split, loader in (('train', cfg.train_dataloader), ('val', cfg.val_dataloader)):
        loader.update(batch_size=2, num_workers=0, persistent_workers=False,
                      dataset=dict(dataset, split=split, pipeline=pipelines[split]))
    cfg.tasks, cfg.method = TASKS, shipped_methods()[name]
    cfg.method.pop('task_weights', None)  # which name the benchmark's tasks
    if name in TAUGHT:
        cfg.method.teacher = str(teacher)
    requires = METHODS.build(shipped_methods()[name]).requires
    if requires.stored_images:
        cfg.method.memory_size = 3
    if cfg.method.get('inversion'):
        cfg.method.inversion.update(steps=3, warmup_steps=1)
    cfg.phases = [dict(tasks=STREAM)] if requires.single_phase else [dict(task=task) for task in STREAM]
    cfg.model.backbone.update(stem_channels=8, base_channels=8)
    cfg.model.head.update(channels=8, dilations=(1, 2))
    halve(cfg.model)
    cfg.train_cfg.max_epochs = 1
    cfg.default_hooks.logger.interval = 1
    cfg.log_level = 'WARNING'
    cfg.work_dir = str(work_dir)
    return cfg


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp('data'))


@pytest.fixture(scope='module')
def vanilla(data, tmp_path_factory):
    return train_stream(stream_config('Vanilla', data, tmp_path_factory.mktemp('vanilla') / 'run'))


@pytest.fixture(scope='module')
def teacher(data, tmp_path_factory):
    run = tmp_path_factory.mktemp('teacher') / 'run'
    train_stream(stream_config('Joint', data, run))
    return run


def logged_losses(run, phase):
    """All loss terms of each iteration of a phase."""
    scalars, = run.glob(f'{phase.checkpoint.split("/")[0]}/*/vis_data/scalars.json')
    lines = [json.loads(line) for line in scalars.read_text().splitlines()]
    return [{key: value for key, value in line.items() if key.startswith('loss')} for line in lines if 'loss' in line]


def test_every_method_is_run():
    known = {name for name, method in METHODS.module_dict.items() if method.__module__.startswith('lhl.methods')}
    assert set(shipped_methods()) == known == set(ALL)


#: What these ask of a kind of task, another one of the list asks, too.
LIKE_ANOTHER = ('AGEM', 'DER', 'DetachedDistillation', 'DIST', 'ER', 'FrozenEncoder', 'GPM', 'HCL', 'KD', 'LwP',
                'LocalPOD', 'OnlineEWC', 'SGP', 'SingleTask', 'TwoStageDistillation')


@pytest.mark.parametrize('name', [
    pytest.param(name, marks=pytest.mark.slow) if name in LIKE_ANOTHER else name for name in ALL])
def test_a_stream_of_other_kinds_is_learned(name, data, vanilla, teacher, tmp_path):
    run = tmp_path / 'run'
    results = train_stream(stream_config(name, data, run, teacher))
    assert results.finished and Results.load(run).stream == STREAM
    for phase in results.phases:
        learned = STREAM[:STREAM.index(phase.tasks[-1]) + 1]
        assert list(phase.metrics) == learned
        assert all(math.isfinite(metrics['loss']) and metrics['loss'] > 0 for metrics in phase.metrics.values())
        old_tasks = [task for task in learned if task not in phase.tasks]
        expected = {f'loss_new_{task}' for task in phase.tasks}
        if old_tasks:
            expected |= {f'loss_{term.format(task)}' for term in TERMS.get(name, ()) for task in old_tasks}
        if name in TAUGHT:
            expected |= {f'loss_{TAUGHT[name]}_{task}' for task in phase.tasks}
        losses = logged_losses(run, phase)
        assert len(losses) == (2 if len(results.phases) > 1 else 6)
        for terms in losses:
            assert all(math.isfinite(value) for value in terms.values())
            assert expected <= terms.keys()
            if name not in ('DER', 'DERpp', 'ER'):  # which replay as soon as there is an image in the memory
                assert terms.keys() == expected | {'loss'}
    if name == 'Vanilla':
        assert results.phases[-1].weights_sha256 == vanilla.phases[-1].weights_sha256
    else:
        assert results.phases[-1].weights_sha256 != vanilla.phases[-1].weights_sha256
