"""A finished run, a phase of it and a segmentor of mmsegmentation, each extended by a task on images of its own."""
import json
import runpy
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from test_engine.test_sources.segmentors import CLASSES, RESNET, build_segmentor, head, save_segmentor, segmentor_config
from test_engine.tiny_stream import CONFIGS, METHODS, ROOT, listing, stream_config, write_data

from lhl.apis import compare_runs, extend_run, load_learner, write_report
from lhl.apis.extend import with_custom_imports_of
from lhl.apis.inference import test_learner
from lhl.engine import read_checkpoint, train_stream, weights_digest
from lhl.engine.checkpoint import stored_config
from lhl.engine.runtime.hooks import ContinualPhaseHook
from lhl.errors import CheckpointError, ConfigError, DataError, RunError
from lhl.evaluation import Results

OLD = ['segmentation', 'depth']
TEACHERS = dict(
    HAD=METHODS['HAD'], DIS=METHODS['DIS'], LwF=dict(type='LwF', weight=1.0),
    HCL=dict(type='HCL', weight=1.0, num_images=2, inverted_batch_size=2,
             inversion=dict(type='QuickDeepInversion', steps=1, warmup_steps=0)))
CONFIG = '''
_base_ = [{bases}]
tasks = dict(_delete_=True, edges=dict(type='EdgeEstimation'))
phases = [dict(task='edges')]
method = {method}
model = dict(head=dict(type='ASPPHead', in_channels=None, channels=8, dilations=(1, 2)))
_data = dict(data_root={root!r}, targets=dict(_delete_=True, edges=dict(folder='edges', scale=1 / 255)))
train_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False, pin_memory=False,
    dataset=dict(**_data, pipeline=[dict(type='RandomHorizontalFlip', probability=0.5), dict(type='PackSample')]))
val_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False, dataset=dict(**_data, pipeline=[dict(type='PackSample')]))
train_cfg = dict(max_epochs=2)
log_level = 'WARNING'
'''


def write_images(root, count=7, size=(32, 48), targets=('edges', )):
    """Write random pictures as a person would have them, a target for each."""
    generator = np.random.default_rng(1)
    for number in range(count):
        for folder in ('images', *targets):
            path = root / folder / f'room/{number}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            shape, high = (size, 5) if folder == 'label' else ((*size, 3) if folder == 'images' else size, 256)
            assert cv2.imwrite(str(path), generator.integers(0, high, shape, dtype=np.uint8))
    return root


@pytest.fixture(scope='module')
def shop(tmp_path_factory):
    """What is trained or written once: the source run, whose training images are gone, and the new images."""
    folder = tmp_path_factory.mktemp('shop')
    cfg = stream_config(folder / 'old.py', write_data(folder / 'old_data', per_phase=2, val=2), folder / 'source',
                        'Vanilla', phases=[dict(task=name) for name in OLD], train_cfg__max_epochs=1)
    train_stream(cfg)
    shutil.rmtree(folder / 'old_data/train')
    write_images(folder / 'new_data')
    return folder


@pytest.fixture
def new(shop, tmp_path):
    """The config of the new task."""
    def config(method='HAD', work_dir='run', name='new', **options):
        path = tmp_path / f'{name}.py'
        bases = ('datasets/folder.py', 'schedules/adam_synth_rooms.py', 'default_runtime.py')
        path.write_text(CONFIG.format(
            bases=', '.join(repr(str(CONFIGS / '_base_' / base)) for base in bases),
            method=TEACHERS.get(method, dict(type=method)), root=str(shop / 'new_data')))
        cfg = Config.fromfile(path)
        cfg.merge_from_dict({key.replace('__', '.'): value for key, value in options.items()})
        cfg.work_dir = str(tmp_path / work_dir)
        return cfg
    return config


def digests(run):
    return [phase.weights_sha256 for phase in Results.load(run).phases]


# ---- a finished run ------------------------------------------------------------------------------------------------

# DIS and LwF have runs in the tests below, too.
@pytest.mark.parametrize('method', [
    'HAD', 'HCL', *(pytest.param(name, marks=pytest.mark.slow) for name in ('DIS', 'LwF'))])
def test_a_run_is_extended_with_any_method_that_asks_a_teacher(method, shop, new):
    before = listing(shop / 'source')
    results = extend_run(shop / 'source', new(method))
    old, run = Results.load(shop / 'source'), Path(new().work_dir)
    assert listing(shop / 'source') == before
    assert (results.method, results.stream, results.finished) == (method, [*OLD, 'edges'], True)
    assert results.phases[:2] == old.phases and Results.load(run).phases == results.phases
    assert set(results.phases[2].metrics) == {*OLD, 'edges'} and all(map(len, results.phases[2].metrics.values()))
    for phase in results.phases:
        assert weights_digest(read_checkpoint(run / phase.checkpoint)['state_dict']) == phase.weights_sha256
    assert test_learner(run) == results.phases[2].metrics
    assert test_learner(run / 'phase2_depth/phase.safetensors') == old.phases[1].metrics
    assert results.phases[2].iterations == 2 * 3  # two epochs, of all the images for training, six of seven
    assert load_learner(run).heads['edges'].output.in_channels == 8


def interrupt_in_the_second_epoch(monkeypatch, *arguments):
    begin = ContinualPhaseHook.before_train_iter

    def interrupt(self, runner, batch_idx, data_batch=None):
        if runner.epoch == 1:
            raise KeyboardInterrupt
        begin(self, runner, batch_idx, data_batch)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ContinualPhaseHook, 'before_train_iter', interrupt)
        extend_run(*arguments)


def test_an_interrupted_extension_ends_with_the_same_weights_without_the_source_run(shop, new, tmp_path, monkeypatch):
    shutil.copytree(shop / 'source', tmp_path / 'source')
    interrupt_in_the_second_epoch(monkeypatch, tmp_path / 'source', new())
    with pytest.raises(RunError, match='with 2 of 3 phases done; add `resume=True`'):
        extend_run(tmp_path / 'source', new())
    shutil.rmtree(tmp_path / 'source')
    train_stream(Config.fromfile(tmp_path / 'run/config.py'), resume=True)
    extend_run(shop / 'source', new(work_dir='again'))
    assert digests(tmp_path / 'run') == digests(tmp_path / 'again')


def test_an_extended_run_is_extended_again(shop, new):
    extend_run(shop / 'source', new('DIS'))
    more = new('LwF', work_dir='more', name='more')
    more.tasks = dict(lines=more.tasks.edges)
    more.phases = [dict(task='lines')]
    for loader in (more.train_dataloader, more.val_dataloader):
        loader.dataset.targets = dict(lines=loader.dataset.targets.edges)
    results = extend_run(new().work_dir, more)
    assert results.stream == [*OLD, 'edges', 'lines'] and digests(more.work_dir)[:3] == digests(new().work_dir)
    assert set(results.phases[3].metrics) == {*OLD, 'edges', 'lines'}
    cfg, _ = stored_config(more.work_dir)
    assert [entry.get('trained_by') for entry in cfg.phases] == ['Vanilla', 'Vanilla', 'DIS', None]


@pytest.mark.slow
def test_extensions_are_compared_and_reported_like_any_runs(shop, new, tmp_path, monkeypatch):
    for method in ('DIS', 'Vanilla'):
        extend_run(shop / 'source', new(method, work_dir=method, name=f'{method}_new', train_cfg__max_epochs=1))
    runs = [tmp_path / 'DIS', tmp_path / 'Vanilla']
    comparison = compare_runs(runs, [tmp_path / 'Vanilla'])
    assert [row.name for row in comparison.methods] == ['Vanilla', 'DIS']
    assert comparison.methods[0].improvement.mean == 0
    drawn = []
    monkeypatch.setattr('lhl.apis.report.writing.draw_panel',
                        lambda views, tasks, path, rule: drawn.append((views, list(tasks))))
    assert 'edges' in write_report(runs, tmp_path / 'report', num_views=1)
    (views, tasks), = drawn
    assert tasks == [*OLD, 'edges'] and [list(view.targets) for view in views] == [OLD, ['edges']]
    assert all(set(view.frames['DIS']) == set(tasks) for view in views)


# ---- the old tasks' validation data ----------------------------------------------------------------------------------

@pytest.fixture
def moved(shop):
    """The old data lies somewhere else than the source run records."""
    (shop / 'old_data').rename(shop / 'moved')
    yield shop / 'moved'
    (shop / 'moved').rename(shop / 'old_data')


def test_missing_validation_data_is_no_silent_matter(shop, new, moved):
    with pytest.raises(DataError, match='the validation data of segmentation, depth is missing .*say where it is now '
                                        'with `old_val_dataloader.segmentation.dataset.data_root=FOLDER`, '
                                        'or leave the old tasks unscored with `without_old_data=True`'):
        extend_run(shop / 'source', new())
    assert not Path(new().work_dir).exists()


def test_old_tasks_may_stay_unscored(shop, new, moved):
    results = extend_run(shop / 'source', new('DIS', train_cfg__max_epochs=1), without_old_data=True)
    metrics = results.phases[2].metrics
    assert metrics['segmentation'] == metrics['depth'] == {} and metrics['edges']
    assert results.phases[1] == Results.load(shop / 'source').phases[1]
    document = json.loads(Path(new().work_dir, 'results.json').read_text())
    assert None not in [value for task in document['phases'][2]['metrics'].values() for value in task.values()]


def test_old_tasks_are_scored_where_the_config_says_their_data_is(shop, new, moved):
    where = dict(dataset=dict(data_root=str(moved)))
    cfg = new('DIS', train_cfg__max_epochs=1, old_val_dataloader=dict(segmentation=where, depth=None))
    metrics = extend_run(shop / 'source', cfg).phases[2].metrics
    assert metrics['segmentation'] and not metrics['depth']


# ---- a single phase ------------------------------------------------------------------------------------------------

def test_a_phase_without_its_run_is_one_phase_that_is_scored_as_it_was(shop, new, tmp_path):
    shutil.copy(shop / 'source/phase2_depth/phase.safetensors', tmp_path / 'sent.safetensors')
    results = extend_run(tmp_path / 'sent.safetensors', new('DIS', train_cfg__max_epochs=1))
    first, second = results.phases
    assert (first.tasks, second.tasks, results.stream) == (OLD, ['edges'], [*OLD, 'edges'])
    recorded = Results.load(shop / 'source').phases[1]
    assert first.metrics == recorded.metrics and first.weights_sha256 == recorded.weights_sha256
    assert (first.parameters, first.backbone, first.iterations) == (recorded.parameters, recorded.backbone, 0)
    assert '"seconds": null' in Path(new().work_dir, 'results.json').read_text()


# ---- a segmentor of mmsegmentation -----------------------------------------------------------------------------------

def test_a_segmentor_becomes_the_first_task(shop, new, tmp_path):
    theirs = segmentor_config(RESNET, head('FCNHead', 64, num_convs=1))
    path = save_segmentor(build_segmentor(theirs), tmp_path / 'segmentor.pth', dataset_meta=dict(classes=CLASSES))
    write_images(tmp_path / 'data', targets=('edges', 'label'))
    loader = dict(dataset=dict(data_root=str(tmp_path / 'data'),
                               targets=dict(rooms=dict(folder='label'), _delete_=True)))
    cfg = new('HAD', train_cfg__max_epochs=1, old_val_dataloader=dict(rooms=loader))
    results = extend_run(path, cfg, segmentor_config=theirs, task_name='rooms')
    assert results.stream == ['rooms', 'edges'] and results.finished
    assert 0 < results.phases[0].metrics['rooms']['PixAcc'] < 100 and results.phases[1].metrics['rooms']
    first, last = (load_learner(Path(cfg.work_dir, phase.checkpoint)) for phase in results.phases)
    assert first.tasks['rooms'].classes == CLASSES
    assert type(last.heads['rooms']).__name__ == 'SegmentorHead' and last.heads['edges'].output.in_channels == 8
    assert test_learner(Path(cfg.work_dir, results.phases[0].checkpoint)) == results.phases[0].metrics


def test_a_segmentor_without_data_is_not_scored(shop, new, tmp_path):
    theirs = segmentor_config(RESNET, head('FCNHead', 64, num_convs=1))
    path = save_segmentor(build_segmentor(theirs), tmp_path / 'segmentor.pth')
    results = extend_run(path, new('DIS', train_cfg__max_epochs=1), segmentor_config=theirs)
    assert [phase.metrics['segmentation'] for phase in results.phases] == [{}, {}]
    assert results.phases[1].metrics['edges']


# ---- what is refused -------------------------------------------------------------------------------------------------

def refused(error, sentence, run, cfg, **options):
    """Refused in one sentence, before anything is written."""
    with pytest.raises(error) as caught:
        extend_run(run, cfg, **options)
    assert sentence in str(caught.value) and '\n' not in str(caught.value)
    assert not Path(cfg.work_dir).exists()


def test_a_task_that_is_learned_already(shop, new):
    cfg = new(tasks__depth=dict(type='DepthEstimation'), phases=[dict(task='depth')])
    refused(ConfigError, "phases names the task 'depth', which", shop / 'source', cfg)
    refused(ConfigError, '(it has segmentation, depth); give the new task another name', shop / 'source', cfg)


def test_a_run_that_is_not_finished(shop, new, tmp_path):
    shutil.copytree(shop / 'source', tmp_path / 'started')
    results = Results.load(tmp_path / 'started')
    del results.phases[1]
    results.save(tmp_path / 'started')
    refused(RunError, 'has finished 1 phases and learned 1 of its 2 tasks; continue it with `resume=True`, '
                      'or extend the phase.safetensors of one of its phases', tmp_path / 'started', new())


def test_a_run_whose_checkpoint_is_another_one(shop, new, tmp_path):
    shutil.copytree(shop / 'source', tmp_path / 'other')
    other = tmp_path / 'other'
    shutil.copy(other / 'phase2_depth/phase.safetensors', other / 'phase1_segmentation/phase.safetensors')
    refused(CheckpointError, 'is not the checkpoint that results.json records for phase 1', tmp_path / 'other', new())


@pytest.mark.parametrize('method, sentence', [
    (dict(type='EWC', penalty=1.0), 'EWC needs what it gathers at the end of each phase, but earlier phases were '
                                    'trained by Vanilla; use a method that asks a teacher, such as HAD, DIS or LwF'),
    (dict(type='Joint'), 'Joint learns no phase on top of another, so no run can be extended with it'),
    (dict(type='SingleTask'), 'SingleTask learns no phase on top of another'),
    (dict(type='Combined', methods=[METHODS['DIS'], dict(type='EWC', penalty=1.0)]), 'Combined needs what it gathers'),
])
def test_a_method_that_cannot_go_on(method, sentence, shop, new):
    cfg = new()
    cfg.method = method
    refused(ConfigError, sentence, shop / 'source', cfg)


def test_a_method_goes_on_with_its_own_state(tmp_path, shop, new):
    old = stream_config(tmp_path / 'old.py', write_data(tmp_path / 'data', per_phase=2, val=2), tmp_path / 'ewc',
                        'Vanilla', phases=[dict(task='depth')], train_cfg__max_epochs=1)
    old.method = dict(type='EWC', penalty=1.0)
    train_stream(old)
    cfg = new(train_cfg__max_epochs=1)
    cfg.method = dict(type='EWC', penalty=1.0)
    extend_run(tmp_path / 'ewc', cfg)
    states = [read_checkpoint(path)['method'] for path in (tmp_path / 'ewc/phase1_depth/phase.safetensors',
                                                           tmp_path / 'run/phase2_edges/phase.safetensors')]
    assert len(states[1]) == 2 * len(states[0]) > 0  # of two phases


def test_the_state_of_another_method_is_left_behind(shop, new):
    cfg = new(train_cfg__max_epochs=1)  # it would look for its own count of iterations in the state
    cfg.method = dict(type='TwoStageDistillation', alpha=1.0, optimizer=dict(type='Adam', lr=1e-3), epochs=1)
    assert extend_run(shop / 'source', cfg).finished


@pytest.mark.parametrize('options, sentence', [
    (dict(model__backbone=dict(type='SwinTransformer')), 'model.backbone is another one than that of'),
    (dict(model__norm_eval=True), 'model.norm_eval is another one than that of'),
    (dict(model__heads=dict(depht=dict(type='ASPPHead'))), "model.heads names 'depht', which is no new task; known: e"),
    (dict(old_val_dataloader=dict(dept=None)), "old_val_dataloader names the unknown task 'dept'; did you mean 'dept"),
    (dict(phases=[dict(task='edge')]), "phase 3 names the unknown task 'edge'"),
    (dict(optim_wrapper__optimizer__type='Adamm'), "unknown optimizer 'Adamm'"),
])
def test_a_config_that_does_not_fit(options, sentence, shop, new):
    refused(ConfigError, sentence, shop / 'source', new(**options))


def test_a_segmentor_needs_a_head_for_new_tasks_and_its_own_backbone(shop, new, tmp_path):
    theirs = segmentor_config(RESNET, head('FCNHead', 64, num_convs=1))
    path = save_segmentor(build_segmentor(theirs), tmp_path / 'segmentor.pth')
    cfg = new()
    cfg.model = {}
    refused(ConfigError, "has no head for new tasks; give one with model=dict(head=dict(type='ASPPHead', "
                         'in_channels=None))', path, cfg, segmentor_config=theirs)
    refused(ConfigError, 'the head of segmentation was trained with mmsegmentation and fits its own backbone alone',
            path, new(phases=[dict(task='edges', backbone=dict(depth=34))]), segmentor_config=theirs)
    refused(CheckpointError, 'is no phase.safetensors of lhl; to extend a checkpoint of mmsegmentation', path, new())


def test_a_folder_is_no_checkpoint_of_mmsegmentation(shop, new):
    theirs = segmentor_config(RESNET, head('FCNHead', 64, num_convs=1))
    refused(CheckpointError, 'is a folder; give the checkpoint that mmsegmentation trained', shop / 'source', new(),
            segmentor_config=theirs)


def test_an_extension_is_not_begun_without_what_it_extends(shop, new, tmp_path):
    extend_run(shop / 'source', new('DIS', train_cfg__max_epochs=1))
    cfg = Config.fromfile(tmp_path / 'run/config.py')
    cfg.work_dir = str(tmp_path / 'elsewhere')
    with pytest.raises(RunError, match='the first 2 phases were trained elsewhere and are not in .*elsewhere; begin '
                                       'with the run that they are of, as extend_run'):
        train_stream(cfg)
    assert not (tmp_path / 'elsewhere').exists()


def test_a_start_that_failed_on_the_new_data_may_be_repeated_with_another_config(shop, new, tmp_path):
    with pytest.raises(DataError, match='nowhere'):
        extend_run(shop / 'source', new(train_dataloader__dataset__data_root=str(tmp_path / 'nowhere')))
    assert not Path(new().work_dir).exists()
    assert extend_run(shop / 'source', new('DIS', train_cfg__max_epochs=1)).finished


# ---- the tool --------------------------------------------------------------------------------------------------------

@pytest.mark.slow
def test_the_tool_extends_resumes_and_says_what_is_wrong_in_one_line(shop, new, tmp_path, monkeypatch, capsys):
    def tool(*options):
        monkeypatch.setattr(sys, 'argv', [
            'extend.py', *map(str, options), '--config', str(tmp_path / 'new.py'), '--work-dir', str(tmp_path / 'run'),
            '--cfg-options', 'train_cfg.max_epochs=1'])
        runpy.run_path(str(ROOT / 'tools/extend.py'), run_name='__main__')
        return capsys.readouterr()

    new()
    out = tool(shop / 'source', '--seed', '5', '--until', '2').out
    assert 'edges' in out and Results.load(tmp_path / 'run').seed == 5
    assert not Results.load(tmp_path / 'run').finished  # its only new phase is the third
    assert out.splitlines()[-1] == ('next: the same command with --resume, and without --until, learns the phases that '
                                    'are left')
    tool(shop / 'source', '--seed', '5', '--resume')
    assert Results.load(tmp_path / 'run').finished
    with pytest.raises(SystemExit):
        tool(tmp_path / 'nothing')
    assert capsys.readouterr().err.splitlines()[-1] == (
        f'error: {tmp_path / "nothing"} does not exist; give the folder of a run, or a phase.safetensors of one')


# ---- modules of one's own --------------------------------------------------------------------------------------------

@pytest.mark.parametrize('old, own, expected', [
    (['a', 'b'], ['c'], ['c', 'a', 'b']), (['a', 'b'], ['b', 'a'], ['b', 'a']), ('a', None, ['a']), (None, 'c', 'c'),
    (['a'], 'c', ['c', 'a']), (None, None, None)])
def test_what_the_old_run_imports_is_imported_by_the_new_one(old, own, expected):
    def config(names):
        return Config(dict(custom_imports=dict(imports=names)) if names else {})
    source = SimpleNamespace(stream=SimpleNamespace(cfg=config(old)))
    cfg = config(own)
    combined = with_custom_imports_of(source, cfg)
    assert combined.get('custom_imports', {}).get('imports') == expected
    assert (combined is cfg) == (expected == own) and cfg.get('custom_imports', {}).get('imports') == own
    assert with_custom_imports_of(SimpleNamespace(stream=None), cfg) is cfg
