"""Image-level tasks in streams: class-incremental with another backbone in each phase, and among dense tasks."""
import json
import shutil

import numpy as np
import pytest
import torch
from test_engine.tiny_images import HCL, OBJECTS, class_incremental, mixed
from test_engine.tiny_stream import METHODS

from lhl.apis import compare_runs, write_report
from lhl.apis.inference import load_learner, predict, test_learner
from lhl.engine import train_stream
from lhl.engine.runtime.hooks import ContinualPhaseHook
from lhl.evaluation import Results
from lhl.methods import Method
from lhl.registry import DATASETS
from lhl.visualization import comparison_table

ACCURACIES = {'class_il', 'task_il'}
INVERSION = dict(type='QuickDeepInversion', steps=3, warmup_steps=1)
MIXED = dict(
    HAD=METHODS['HAD'], LwF=dict(type='LwF', weight=1.0),
    DERpp=dict(type='DERpp', weight=1.0, label_weight=1.0, memory_size=6, replay_batch_size=4),
    HCL=dict(HCL, inversion=INVERSION, num_images=4, inverted_batch_size=2))
#: The terms of the last phase, in which segmentation and the first objects are old.
TERMS = dict(
    HAD=['distribution_balanced_segmentation', 'saliency_guided_segmentation', 'distribution_balanced_objects_1',
         'saliency_guided_objects_1'],
    LwF=['lwf_segmentation', 'lwf_objects_1'], DERpp=['replay', 'replay_labels'],
    HCL=['hcl_segmentation', 'hcl_objects_1', 'hcl_inverted_segmentation', 'hcl_inverted_objects_1'])


class InterruptionError(Exception):
    pass


def logged_losses(run, phase):
    """All loss terms of each iteration that was logged of a phase."""
    scalars = sorted(run.glob(f'{phase.checkpoint.split("/")[0]}/*/vis_data/scalars.json'))[-1]
    lines = [json.loads(line) for line in scalars.read_text().splitlines()]
    return [{key: value for key, value in line.items() if key.startswith('loss')} for line in lines if 'loss' in line]


# ---- a class-incremental stream ------------------------------------------------------------------------------------

@pytest.fixture(scope='module')
def incremental(tmp_path_factory):
    """A run of HCL with label smoothing, LeNet, then ResNet, then DenseNet, and the backbones of its teachers."""
    folder, teachers, begin = tmp_path_factory.mktemp('incremental') / 'run', {}, Method.begin_phase
    cfg = class_incremental(folder, HCL, default_hooks__logger__interval=1)
    for task in cfg.tasks.values():
        task.label_smoothing = 0.1
    with pytest.MonkeyPatch.context() as monkeypatch:
        def record(method, learner, phase):
            teachers[phase.index] = phase.teacher and type(phase.teacher.learner.backbone).__name__
            begin(method, learner, phase)
        monkeypatch.setattr(Method, 'begin_phase', record)
        results = train_stream(cfg)
    return cfg, folder, results, teachers


def test_a_class_incremental_stream_changes_its_backbone_in_each_phase(incremental):
    _, folder, results, teachers = incremental
    assert [phase.backbone.split('(')[0] for phase in results.phases] == ['CIFARLeNet', 'CIFARResNet', 'CIFARDenseNet']
    assert teachers == {1: None, 2: 'CIFARLeNet', 3: 'CIFARResNet'}
    for phase, learned in zip(Results.load(folder).phases, ([1], [1, 2], [1, 2, 3]), strict=True):
        assert {task: set(metrics) for task, metrics in phase.metrics.items()} == {
            f'objects_{number}': ACCURACIES for number in learned}
        assert all(metrics['class_il'] <= metrics['task_il'] for metrics in phase.metrics.values())


def test_the_old_classes_are_distilled_once_on_the_images_of_the_new_ones(incremental):
    _, folder, results, _ = incremental
    for phase, term in zip(results.phases, ([], ['loss_hcl_objects_1'], ['loss_hcl_objects_1']), strict=True):
        losses = logged_losses(folder, phase)
        assert len(losses) == 4
        assert all(terms.keys() == {'loss', f'loss_new_{phase.tasks[0]}', *term} for terms in losses)


def test_the_recorded_accuracies_are_those_of_the_final_learner(incremental):
    cfg, folder, results, _ = incremental
    learner = load_learner(folder)
    for name, config in OBJECTS.items():
        dataset = DATASETS.build({**cfg.val_dataloader.dataset.to_dict(), 'tasks': {name: config}})
        images = torch.stack([dataset[position]['inputs'] for position in range(8)])
        labels = torch.tensor([dataset[position]['targets'][name].item() for position in range(8)])
        with torch.no_grad():
            logits = learner(learner.data_preprocessor(dict(inputs=images))['inputs'])[name].flatten(1)
        own = torch.full_like(logits, -torch.inf)
        own[:, config['labels']] = logits[:, config['labels']]
        assert results.phases[-1].metrics[name] == {
            'class_il': 100 * (logits.argmax(1) == labels).double().mean().item(),
            'task_il': 100 * (own.argmax(1) == labels).double().mean().item()}
        assert predict(learner, images)[name].shape == (8, 1, 1)
    assert test_learner(folder) == results.phases[-1].metrics


def test_all_classes_at_once_are_learned_with_one_head(tmp_path):
    cfg = class_incremental(tmp_path / 'run', dict(type='Joint'), [dict(tasks=list(OBJECTS))],
                            default_hooks__logger__interval=1, train_cfg__max_epochs=8, randomness__seed=1)
    results = train_stream(cfg)
    losses = logged_losses(tmp_path / 'run', results.phases[0])
    assert all(terms.keys() == {'loss', *(f'loss_new_{name}' for name in OBJECTS)} for terms in losses)
    assert sum(terms['loss'] for terms in losses[-12:]) < 0.5 * sum(terms['loss'] for terms in losses[:12])


# ---- a mixed stream ------------------------------------------------------------------------------------------------

def config_of(name, folder, data_root, work_dir):
    """Two epochs of four batches in the last phase."""
    cfg = mixed(folder / f'{name}.py', data_root, work_dir, MIXED[name], default_hooks__logger__interval=1)
    cfg.phases[-1].train_cfg = dict(max_epochs=2)
    return cfg


@pytest.fixture(scope='module')
def whole(tmp_path_factory, data_root):
    """The uninterrupted run of a method on a mixed stream, trained once."""
    folder, runs = tmp_path_factory.mktemp('mixed'), {}

    def train(name):
        if name not in runs:
            train_stream(config_of(name, folder, data_root, folder / name))
            runs[name] = folder / name
        return runs[name]
    return train


@pytest.mark.parametrize('name', MIXED)
def test_dense_and_image_level_tasks_are_learned_one_after_the_other(name, whole):
    results = Results.load(whole(name))
    assert {task: set(metrics) for task, metrics in results.phases[-1].metrics.items()} == dict(
        segmentation={'mIoU', 'PixAcc'}, objects_1=ACCURACIES, objects_2=ACCURACIES)
    losses = logged_losses(whole(name), results.phases[-1])
    assert len(losses) == 8
    for terms in losses:
        assert all(np.isfinite(value) for value in terms.values())
        assert terms.keys() == {'loss', 'loss_new_objects_2', *(f'loss_{term}' for term in TERMS[name])}


@pytest.mark.parametrize('name', [pytest.param(name, marks=pytest.mark.slow) if name in ('HAD', 'LwF') else name
                                  for name in MIXED])  # these two carry nothing but the learner
def test_a_mixed_run_interrupted_in_its_last_phase_ends_as_it_would_have(name, whole, data_root, tmp_path, monkeypatch):
    expected, run = Results.load(whole(name)), tmp_path / 'run'
    shutil.copytree(whole(name), run)
    shutil.rmtree(run / 'phase3_objects_2')
    results = Results.load(run)
    del results.phases[2:]
    results.save(run)
    cfg = config_of(name, tmp_path, data_root, run)
    with monkeypatch.context() as patch:
        def before_train_iter(self, runner, batch_idx, data_batch=None, original=ContinualPhaseHook.before_train_iter):
            if runner.iter == 6:
                raise InterruptionError
            original(self, runner, batch_idx, data_batch)
        patch.setattr(ContinualPhaseHook, 'before_train_iter', before_train_iter)
        with pytest.raises(InterruptionError):
            train_stream(cfg, resume=True)
    assert (run / 'phase3_objects_2' / 'epoch_1.pth').exists()
    assert train_stream(cfg, resume=True).phases[-1].weights_sha256 == expected.phases[-1].weights_sha256


def test_mixed_runs_are_reported_and_compared(whole, tmp_path):
    runs = [whole('HAD'), whole('LwF')]
    table = write_report(runs, tmp_path / 'report', num_views=1)
    assert 'class_il' in table and (tmp_path / 'report' / 'predictions.png').stat().st_size > 5000
    header = comparison_table(compare_runs(runs[:1], runs[1:])).splitlines()[0]
    assert 'segmentation: mIoU' in header and 'A class_il' in header and 'objects_1' not in header
