import json
import shutil
from copy import deepcopy
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModule
from torch import nn

import lhl
import lhl.methods
from lhl.apis import extend_run, test_learner
from lhl.apis.model_size import measure_model_size
from lhl.engine import Stream, read_checkpoint, train_stream, weights_digest, write_checkpoint
from lhl.engine.run import metric_units
from lhl.errors import CheckpointError, ConfigError, DataError, RunError
from lhl.evaluation import Results
from lhl.registry import MODELS
from test_engine.resolved import config_hash
from test_engine.tiny_stream import FOLDERS, STREAM, listing, stream_config

METRICS = dict(segmentation=['mIoU', 'PixAcc'], depth=['AbsErr', 'RelErr'],
               normal=['mean', 'median', 'within_11.25', 'within_22.5', 'within_30'])


@pytest.fixture
def run(finished, tmp_path):
    """A copy of a finished run of HAD, and its config."""
    cfg, folder = finished('HAD')
    shutil.copytree(folder, tmp_path / 'run')
    cfg = deepcopy(cfg)
    cfg.work_dir = str(tmp_path / 'run')
    return cfg


def refused(cfg, error, message, resume=False):
    """Check that a run is refused in one sentence and that nothing on the disk changes."""
    before = listing(cfg.work_dir)
    with pytest.raises(error, match=message) as caught:
        train_stream(cfg, resume)
    assert listing(cfg.work_dir) == before
    assert '\n' not in str(caught.value)


# ---- what a run leaves behind --------------------------------------------------------------------------------------

def test_the_results_are_as_documented(finished):
    cfg, run = finished('HAD')
    document = json.loads((run / 'results.json').read_text())
    assert (document['format'], document['version'], document['method'], document['seed']) == (
        'lhl-results', 2, 'HAD', 0)
    assert document['stream'] == list(STREAM)
    assert document['config'] == cfg.filename and document['config_hash'] == config_hash(cfg)
    assert document['versions']['lhl'] == lhl.__version__ and document['versions']['torch'] == torch.__version__
    assert {task: list(better) for task, better in document['higher_is_better'].items()} == METRICS
    assert [task for better in document['higher_is_better'].values() for task, up in better.items() if up] == [
        'mIoU', 'PixAcc', 'within_11.25', 'within_22.5', 'within_30']
    assert document['units'] == {
        'segmentation': {'mIoU': '%', 'PixAcc': '%'}, 'depth': {'AbsErr': 'm'},
        'normal': {'mean': '°', 'median': '°', 'within_11.25': '%', 'within_22.5': '%', 'within_30': '%'}}
    for index, phase in enumerate(document['phases'], 1):
        assert (phase['phase'], phase['tasks']) == (index, [STREAM[index - 1]])
        assert {task: list(values) for task, values in phase['metrics'].items()} == {
            task: METRICS[task] for task in STREAM[:index]}
        assert all(isinstance(value, float) for values in phase['metrics'].values() for value in values.values())
        assert phase['seconds'] > 0 and phase['peak_memory_mib'] > 50
        assert phase['checkpoint'] == f'{FOLDERS[index - 1]}/phase.safetensors'
        assert phase['weights_sha256'] == weights_digest(read_checkpoint(run / phase['checkpoint'])['state_dict'])
    assert len(document['phases']) == 3


def test_units_are_those_of_the_metrics_that_each_task_reports():
    tasks = dict(depth=dict(type='DepthEstimation', metrics=[dict(type='DepthMetric', names=['rmse', 'RelErr'])]),
                 disparity=dict(type='DisparityEstimation', metrics=[dict(type='DisparityMetric', names=['rmse'])]),
                 normal=dict(type='SurfaceNormalEstimation', metrics=[dict(type='NormalMetric', names=['rmse'])]),
                 later=dict(type='DepthEstimation'))
    cfg = Config(dict(tasks=tasks, phases=[dict(task='normal'), dict(task='depth'), dict(task='disparity')]))
    assert list(metric_units(Stream.from_config(cfg, check=False)).items()) == [
        ('normal', {'rmse': '°'}), ('depth', {'rmse': 'm'}), ('disparity', {})]


def test_a_run_leaves_no_temporary_files(finished):
    for method in ('Vanilla', 'HAD'):
        assert not [name for name in listing(finished(method)[1]) if 'tmp' in name]


def test_each_phase_keeps_its_last_two_training_checkpoints(finished):
    for folder in FOLDERS:
        assert {path.name for path in (finished('HAD')[1] / folder).iterdir() if path.suffix in ('.pth', '.safetensors')
                } == {'epoch_1.pth', 'epoch_2.pth', 'phase.safetensors'}


def test_the_same_config_gives_the_same_run(finished, tmp_path):
    cfg, run = finished('DIS')
    again = deepcopy(cfg)
    again.work_dir = str(tmp_path / 'again')
    first, second = Results.load(run), train_stream(again)
    assert [phase.weights_sha256 for phase in first.phases] == [phase.weights_sha256 for phase in second.phases]
    assert [phase.metrics for phase in first.phases] == [phase.metrics for phase in second.phases]


def test_the_config_is_left_as_it_is(tmp_path, data_root):
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', phases=[dict(task='depth')],
                        train_cfg__max_epochs=1)
    before = deepcopy(cfg.to_dict())
    train_stream(cfg)
    assert cfg.to_dict() == before


# ---- what is refused -----------------------------------------------------------------------------------------------

def test_a_folder_with_another_run_is_refused(run):
    for resume in (False, True):
        for key, value in (('method.alpha', 2.0), ('randomness.seed', 1)):
            other = deepcopy(run)
            other.merge_from_dict({key: value})
            refused(other, RunError, r'holds a run of another config, seed or .*choose another `work_dir`', resume)


def test_what_finished_phases_did_not_depend_on_is_refused_with_the_way_to_change_it(run, tmp_path):
    other = deepcopy(run)
    other.phases[2].method = dict(alpha=5.0)
    refused(other, RunError, r'phases 1 to 2 of 3 did not depend on what was changed: take them over with '
                             rf'`take_over={run.work_dir}` and another `work_dir`', resume=True)
    other.work_dir = str(tmp_path / 'other')
    changed, before = train_stream(other, take_over=run.work_dir), Results.load(run.work_dir)
    same = [one.weights_sha256 == two.weights_sha256
            for one, two in zip(changed.phases, before.phases, strict=True)]
    assert same == [True, True, False]


@pytest.mark.parametrize('until', [-1, 4])
def test_a_phase_that_does_not_exist_is_no_place_to_stop(run, until):
    with pytest.raises(ConfigError, match=f'`until` is {until}, expected a phase from 1 to 3'):
        train_stream(run, until=until, resume=True)


def test_a_start_that_failed_before_anything_was_computed_does_not_hold_the_folder(finished, tmp_path):
    cfg = deepcopy(finished('HAD')[0])
    cfg.work_dir = str(tmp_path / 'run')
    broken = deepcopy(cfg)
    broken.train_dataloader.dataset.data_root = str(tmp_path / 'nowhere')
    broken_later = deepcopy(cfg)
    broken_later.method.alpha = 3.0
    with pytest.raises(DataError, match='nowhere'):
        train_stream(broken)
    assert not (tmp_path / 'run').exists()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(InterruptedError):
        patch.setattr('lhl.engine.run._train_phase', Mock(side_effect=InterruptedError))
        train_stream(broken_later)
    assert Results.load(tmp_path / 'run').phases == []
    # Another config, and without resume=True: there is nothing to lose.
    assert train_stream(cfg).finished


def test_the_same_run_without_resume_is_refused(run):
    refused(run, RunError, 'with 3 of 3 phases done; add `resume=True`')


def test_resuming_where_there_is_nothing_is_refused(finished, tmp_path):
    cfg = deepcopy(finished('HAD')[0])
    cfg.work_dir = str(tmp_path / 'nothing')
    refused(cfg, RunError, r'`resume=True` found no results.json in .*nothing; remove `resume=True`', resume=True)
    assert not (tmp_path / 'nothing').exists()


@pytest.mark.parametrize('content', ['', '{"format": "lhl-results", "ver', '[1, 2]', '{"format": "other"}'])
def test_damaged_results_are_refused(run, content):
    Path(run.work_dir, 'results.json').write_text(content)
    for resume in (False, True):
        refused(run, RunError, r'results\.json', resume)


def test_a_changed_checkpoint_of_a_finished_phase_is_refused(run):
    path = Path(run.work_dir, FOLDERS[0], 'phase.safetensors')
    checkpoint = read_checkpoint(path)
    checkpoint['state_dict']['heads.segmentation.output.bias'][0] += 1e-3
    write_checkpoint(checkpoint, path)
    refused(run, CheckpointError,
            r'phase1_segmentation/phase\.safetensors is not the checkpoint that results\.json records', resume=True)


@pytest.mark.parametrize('damage', [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:999])])
def test_a_lost_checkpoint_of_a_finished_phase_is_refused(run, damage):
    damage(Path(run.work_dir, FOLDERS[1], 'phase.safetensors'))
    refused(run, CheckpointError, r'phase2_depth/phase\.safetensors (does not exist|cannot be read)', resume=True)


def test_an_unknown_launcher_is_refused(finished, tmp_path):
    cfg = deepcopy(finished('HAD')[0])
    cfg.work_dir, cfg.launcher = str(tmp_path / 'run'), 'torchrun'
    refused(cfg, ConfigError, "launcher is 'torchrun', which is unknown; did you mean 'pytorch'")


# ---- resuming ------------------------------------------------------------------------------------------------------

def test_resuming_a_finished_run_changes_nothing(run):
    before = listing(run.work_dir)
    results = train_stream(run, resume=True)
    assert results == Results.load(run.work_dir) and results.finished
    assert listing(run.work_dir) == before


def test_a_run_that_lost_its_last_phase_is_completed_to_the_same_weights(run):
    whole = Results.load(run.work_dir)
    shutil.rmtree(Path(run.work_dir, FOLDERS[2]))
    document = json.loads(Path(run.work_dir, 'results.json').read_text())
    document['phases'].pop()
    del document['sha256']
    Path(run.work_dir, 'results.json').write_text(json.dumps(document))
    resumed = train_stream(run, resume=True)
    assert [p.weights_sha256 for p in resumed.phases] == [p.weights_sha256 for p in whole.phases]
    assert [p.metrics for p in resumed.phases] == [p.metrics for p in whole.phases]


def test_a_phase_stopped_between_its_training_and_its_record_is_recorded_as_it_was(run):
    whole = Results.load(run.work_dir)
    document = json.loads(Path(run.work_dir, 'results.json').read_text())
    document['phases'].pop()
    del document['sha256']
    Path(run.work_dir, 'results.json').write_text(json.dumps(document))
    Path(run.work_dir, FOLDERS[2], 'phase.safetensors').unlink()
    resumed = train_stream(run, resume=True)
    assert resumed.phases[2].weights_sha256 == whole.phases[2].weights_sha256
    assert resumed.phases[2].metrics == whole.phases[2].metrics


def test_a_run_whose_data_were_missing_begins_when_they_are_there(finished, tmp_path, data_root):
    cfg = stream_config(tmp_path / 'c.py', tmp_path / 'data', tmp_path / 'run', phases=[dict(task='depth')],
                        train_cfg__max_epochs=1)
    with pytest.raises(DataError, match='data_root .* is not a folder'):
        train_stream(cfg)
    shutil.copytree(data_root, tmp_path / 'data')
    assert train_stream(cfg).finished


def test_the_seconds_of_before_an_interruption_count(tmp_path, data_root, monkeypatch):
    def interrupt(self, runner, batch_idx, data_batch=None):
        if runner.epoch == 1:
            raise KeyboardInterrupt
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', 'Vanilla', phases=[dict(task='depth')])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr('lhl.engine.ContinualPhaseHook.before_train_iter', interrupt)
        train_stream(cfg)
    path = tmp_path / 'run/phase1_depth/epoch_1.pth'
    checkpoint = read_checkpoint(path)
    assert 0 < checkpoint['seconds'] < 500
    write_checkpoint({**checkpoint, 'seconds': 1000.0}, path)
    assert 1000 < train_stream(cfg, resume=True).phases[0].seconds < 1500


# ---- pretrained weights ----------------------------------------------------------------------------------------------

class FetchingBackbone(BaseModule):
    """It fetches weights while it is built, unless it is told not to, as mmsegmentation's TIMMBackbone."""

    fetches = 0

    def __init__(self, pretrained=True, init_cfg=None):
        super().__init__(init_cfg)
        self.conv = nn.Conv2d(3, 8, 3, stride=8, padding=1)
        type(self).fetches += bool(pretrained)

    def forward(self, images):
        return (self.conv(images), )


class PlainNeck(BaseModule):
    def forward(self, features):
        return features


@pytest.mark.parametrize('options', [{}, dict(pretrained='weights.pth')], ids=['by default', 'a path'])
@pytest.mark.parametrize('has_neck', [pytest.param(False, marks=pytest.mark.slow), True])
def test_pretrained_weights_are_fetched_once(tmp_path, data_root, monkeypatch, options, has_neck):
    """Not for the checks, a later phase, its teacher, a test, a taken-over phase, an extension or another's teacher."""
    monkeypatch.setattr(FetchingBackbone, 'fetches', 0)
    for kind in (FetchingBackbone, PlainNeck):
        monkeypatch.setitem(MODELS.module_dict, kind.__name__, kind)
    backbone = dict(type='FetchingBackbone', **options)
    if has_neck:
        backbone = dict(type='BackboneWithNeck', backbone=backbone, neck=dict(type='PlainNeck'))

    def config(name, phases, method='DIS'):
        cfg = stream_config(tmp_path / f'{name}.py', data_root, tmp_path / name, method, train_cfg__max_epochs=1)
        cfg.model.backbone, cfg.model.head.in_channels, cfg.phases = deepcopy(backbone), 8, phases
        return cfg
    cfg = config('run', [dict(task='segmentation'), dict(task='depth')])
    train_stream(cfg)
    assert FetchingBackbone.fetches == 1
    test_learner(cfg.work_dir)
    train_stream(config('reused', [dict(task='segmentation'), dict(task='depth')]), take_over=cfg.work_dir)
    added = config('extended', [dict(task='normal')])
    added.model = {}
    extend_run(cfg.work_dir, added)
    measure_model_size(cfg, (32, 48))
    assert FetchingBackbone.fetches == 1
    student = config('student', [dict(task='segmentation')])
    student.method = dict(type='KD', teacher=str(cfg.work_dir), distilled_tasks=['segmentation'])
    train_stream(student)
    assert FetchingBackbone.fetches == 2  # the student's own


# ---- phases that do not follow one another -------------------------------------------------------------------------

def shas(results):
    return [phase.weights_sha256 for phase in results.phases]


def stream(tmp_path, data_root, name='run', method='Vanilla', **options):
    return stream_config(tmp_path / f'{name}.py', data_root, tmp_path / name, method, **options)


def test_a_shared_first_phase_leads_to_the_same_weights(finished, tmp_path):
    cfg, folder = finished('HAD')
    cfg = deepcopy(cfg)
    cfg.work_dir = str(tmp_path / 'run')
    results = train_stream(cfg, take_over=finished('Vanilla')[1])
    assert shas(results) == shas(Results.load(folder))
    assert not list((tmp_path / 'run' / FOLDERS[0]).glob('epoch_*.pth'))
    assert results.phases[0].iterations == Results.load(folder).phases[0].iterations
    assert results.phases[0].seconds > Results.load(finished('Vanilla')[1]).phases[0].seconds


@pytest.mark.parametrize('options', [
    dict(randomness__seed=1), dict(train_cfg__max_epochs=1), dict(order=['depth', 'segmentation', 'normal']),
    dict(optim_wrapper__optimizer__lr=1e-4)])
def test_a_first_phase_of_another_config_is_not_shared(finished, tmp_path, data_root, options):
    cfg = stream(tmp_path, data_root, **options)
    with pytest.raises(RunError, match='was trained with another config, seed or number of processes'):
        train_stream(cfg, take_over=finished('Vanilla')[1])
    assert not (tmp_path / 'run').exists()


def test_a_method_with_a_first_phase_of_its_own_takes_none_over(finished, tmp_path, data_root):
    cfg = stream(tmp_path, data_root)
    cfg.method = dict(type='SingleTask')
    with pytest.raises(RunError, match='or SingleTask trains it in a way of its own; remove `take_over`'):
        train_stream(cfg, take_over=finished('Vanilla')[1])


def test_phases_of_the_same_method_are_taken_over_with_what_it_carries(finished, tmp_path, monkeypatch):
    cfg, folder = finished('HAD')
    cfg = deepcopy(cfg)
    cfg.work_dir = str(tmp_path / 'run')
    cfg.phases[2].loss_weight = 3.0
    alone = train_stream(cfg)
    cfg.work_dir = str(tmp_path / 'taken')
    trained = []
    monkeypatch.setattr('lhl.methods.DIS.losses', lambda self, *args, method=lhl.methods.DIS.losses: (
        trained.append(self.phase.index), method(self, *args))[1])
    assert shas(train_stream(cfg, take_over=folder)) == shas(alone)
    assert set(trained) == {3}
    # The data to score on may be others: the whole run is taken over and scored again.
    cfg.val_dataloader.dataset.part = dict(index=0, count=2)
    cfg.work_dir = str(tmp_path / 'scored')
    again = train_stream(cfg, take_over=tmp_path / 'taken')
    assert shas(again) == shas(alone) and again.phases[2].metrics != alone.phases[2].metrics
    assert len(trained) == 6


def test_a_run_stops_where_it_is_told_and_goes_on_later(finished, tmp_path):
    cfg, folder = finished('HAD')
    cfg = deepcopy(cfg)
    cfg.work_dir = str(tmp_path / 'run')
    assert len(train_stream(cfg, until=2).phases) == 2
    assert len(train_stream(cfg, resume=True, until=2).phases) == 2
    assert shas(train_stream(cfg, resume=True)) == shas(Results.load(folder))


def test_single_task_models_start_anew_and_each_is_scored_on_its_task(finished, tmp_path, data_root):
    cfg = stream(tmp_path, data_root)
    cfg.method = dict(type='SingleTask')
    results, vanilla = train_stream(cfg), Results.load(finished('Vanilla')[1])
    assert shas(results)[0] == shas(vanilla)[0]
    assert results.phases[0].metrics == vanilla.phases[0].metrics
    for index, phase in enumerate(results.phases, 1):
        weights = read_checkpoint(tmp_path / 'run' / phase.checkpoint)['state_dict']
        assert {key.split('.')[1] for key in weights if key.startswith('heads.')} == {STREAM[index - 1]}
        assert list(phase.metrics) == list(STREAM[:index])
    first = results.phases[0].metrics['segmentation']
    assert all(phase.metrics['segmentation'] == first for phase in results.phases)
    # Two encoders more than the learner of a stream, which has the same heads (HAD, Sec. 5.4).
    weights = read_checkpoint(tmp_path / 'run' / results.phases[0].checkpoint)['state_dict']
    encoder = sum(value.numel() for key, value in weights.items()
                  if key.startswith('backbone.') and 'running' not in key and 'num_batches' not in key)
    assert results.phases[2].parameters == vanilla.phases[2].parameters + 2 * encoder


def test_joint_training_of_one_task_is_vanilla_bit_for_bit(tmp_path, data_root):
    alone = [dict(tasks=['depth'])]
    vanilla = train_stream(stream(tmp_path, data_root, 'vanilla', phases=alone))
    cfg = stream(tmp_path, data_root, 'joint', phases=alone)
    cfg.method = dict(type='Joint')
    assert shas(train_stream(cfg)) == shas(vanilla)


def test_joint_training_learns_all_tasks_in_one_phase_on_all_images(tmp_path, data_root):
    cfg = stream(tmp_path, data_root, phases=[dict(tasks=list(STREAM))])
    cfg.method = dict(type='Joint', task_weights=dict(normal=8))
    results = train_stream(cfg)
    assert results.stream == list(STREAM) and results.finished and len(results.phases) == 1
    assert results.phases[0].iterations == 2 * 18 // 2  # two epochs of 18 images in batches of two
    assert {task: list(values) for task, values in results.phases[0].metrics.items()} == METRICS


def test_joint_training_is_refused_for_a_stream_of_phases(tmp_path, data_root):
    cfg = stream(tmp_path, data_root)
    cfg.method = dict(type='Joint')
    refused(cfg, ConfigError, 'Joint learns all tasks at once, but phases has 3 entries; give phases=')


def test_the_order_of_the_stream_is_the_same_run_as_its_phases_written_out(tmp_path, data_root):
    order = ['normal', 'depth', 'segmentation']
    ordered = train_stream(stream(tmp_path, data_root, 'ordered', order=order, train_cfg__max_epochs=1))
    written = train_stream(stream(tmp_path, data_root, 'written', phases=[dict(task=name) for name in order],
                                  train_cfg__max_epochs=1))
    assert ordered.stream == order and ordered.config_hash == written.config_hash and shas(ordered) == shas(written)


def test_an_order_of_other_tasks_is_refused(tmp_path, data_root):
    for order in (['normal', 'depth'], ['normal', 'depth', 'edges'], ['normal', 'normal', 'depth']):
        refused(stream(tmp_path, data_root, order=order), ConfigError,
                'expected the tasks segmentation, depth, normal in any order')


def norms(folder, kind):
    """The values of one kind in all normalisations of the backbone after a phase."""
    weights = read_checkpoint(folder / 'phase.safetensors')['state_dict']
    return torch.cat([value.double().flatten() for key, value in weights.items()
                      if key.startswith('backbone.') and ('bn' in key or 'downsample.1' in key) and key.endswith(kind)])


@pytest.mark.parametrize('policy, moves', [
    ('train', dict(running_mean=True, weight=True)), ('freeze_statistics', dict(running_mean=False, weight=True)),
    ('freeze_all', dict(running_mean=False, weight=False))])
def test_the_policy_of_batch_normalisation_holds_from_phase_2_on(tmp_path, data_root, policy, moves):
    cfg = stream(tmp_path, data_root, batch_norm=policy, phases=[dict(task='depth'), dict(task='normal')],
                 train_cfg__max_epochs=1)
    train_stream(cfg)
    first, second = tmp_path / 'run/phase1_depth', tmp_path / 'run/phase2_normal'
    for kind, moved in moves.items():
        assert torch.equal(norms(first, kind), norms(second, kind)) != moved
    assert not (norms(first, 'running_mean') == 0).all()  # phase 1 trained them
    head = read_checkpoint(second / 'phase.safetensors')['state_dict']['heads.normal.pool.bn.running_mean']
    assert head.abs().sum() > 0  # the new head's normalisations learn under any policy
