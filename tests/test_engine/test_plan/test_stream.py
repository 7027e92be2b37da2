from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from mmengine.config import Config

from lhl.engine import Stream, plan
from lhl.errors import ConfigError
from lhl.methods import Requirements
from lhl.registry import METHODS, TASKS
from test_engine.tiny_images import OBJECTS, class_incremental
from test_engine.tiny_stream import FOLDERS, STREAM, stream_config

ROOT = Path(__file__).parents[3]
RESNET34 = dict(depth=34)


@pytest.fixture
def config(tmp_path, data_root):
    def build(phases=None, method='HAD', **options):
        cfg = stream_config(tmp_path / 'config.py', data_root, tmp_path / 'run', method, **options)
        if phases is not None:
            cfg.phases = phases
        return cfg
    return build


def count_builds(monkeypatch, registry):
    """Record what a registry builds."""
    built, build = [], registry.build

    def record(config, *arguments, **options):
        built.append(dict(config))
        return build(config, *arguments, **options)
    monkeypatch.setattr(registry, 'build', record)
    return built


# ---- what a phase is -------------------------------------------------------------------------------------------------

def test_a_phase_says_all_that_it_needs(config):
    first, second, third = Stream.from_config(config([
        dict(task='segmentation'),
        dict(task='depth', loss_weight=2, lr_factors=dict(encoder=0.5), method=dict(alpha=7.0),
             train_cfg=dict(max_epochs=5), optim_wrapper=dict(optimizer=dict(lr=0.5)),
             param_scheduler=dict(warmup=0.4), train_dataloader=dict(batch_size=3), val_dataloader=None),
        dict(task='normal')])).phases
    assert [phase.index for phase in (first, second, third)] == [1, 2, 3]
    assert (third.new_tasks, third.old_tasks, third.tasks) == (('normal', ), STREAM[:2], STREAM)
    assert (second.loss_weight, second.lr_factors, first.loss_weight, first.lr_factors) == (2, dict(encoder=0.5), 1, {})
    assert second.method == {**first.method, 'alpha': 7.0} and third.method == first.method
    assert (first.train_cfg['max_epochs'], second.train_cfg['max_epochs']) == (2, 5)
    assert second.optim_wrapper['optimizer'] == {**first.optim_wrapper['optimizer'], 'lr': 0.5}
    assert second.param_scheduler == {**first.param_scheduler, 'warmup': 0.4}
    assert second.train_dataloader == {**first.train_dataloader, 'batch_size': 3}
    assert second.val_dataloader is None and first.val_dataloader == third.val_dataloader
    assert [phase.part for phase in (first, second, third)] == [dict(index=index, count=3) for index in range(3)]
    assert [phase.folder for phase in (first, second, third)] == list(FOLDERS)
    assert second.checkpoint == 'phase2_depth/phase.safetensors' and first.requires == Requirements(teacher=True)
    assert (first.continues, second.continues, first.trained_by, first.taught_by) == (False, True, None, 'HAD')


def test_where_each_head_comes_from(config):
    phases = [dict(task='segmentation'), dict(task='depth'), dict(task='normal', backbone=RESNET34)]
    origins = [{name: head.origin for name, head in phase.heads.items()} for phase in Stream.from_config(
        config(phases)).phases]
    assert origins == [
        dict(segmentation='new'), dict(segmentation='carried over', depth='new'),
        dict(segmentation='reinitialised', depth='reinitialised', normal='new')]
    phases[2]['old_heads'] = 'adapted'
    last = Stream.from_config(config(phases)).phases[2]
    assert {name: (head.origin, head.has_adapter, head.prefix) for name, head in last.heads.items()} == {
        'segmentation': ('adapted', True, 'heads.segmentation.'), 'depth': ('adapted', True, 'heads.depth.'),
        'normal': ('new', False, '')}
    assert last.is_new_learner and last.backbone['depth'] == 34


def test_an_adapter_is_carried_over_with_its_head(config):
    last = Stream.from_config(config([dict(task='segmentation'), dict(
        task='depth', backbone=RESNET34, old_heads='adapted'), dict(task='normal')])).phases[2]
    assert {name: (head.origin, head.has_adapter) for name, head in last.heads.items()} == {
        'segmentation': ('carried over', True), 'depth': ('carried over', False), 'normal': ('new', False)}
    assert not last.is_new_learner and last.backbone['depth'] == 34


def test_separate_models_have_their_own_tasks_and_heads_alone(config):
    cfg = config([dict(task='segmentation'), dict(task='depth', backbone=RESNET34)])
    cfg.method = dict(type='SingleTask')
    second = Stream.from_config(cfg).phases[1]
    assert (second.tasks, list(second.heads), second.heads['depth'].origin) == (('depth', ), ['depth'], 'new')
    assert not second.continues and not second.is_new_learner


def test_phases_that_another_run_has_trained_are_counted(config):
    stream = Stream.from_config(config([dict(task='depth', trained_by='EWC'), dict(task='normal')]))
    assert stream.num_given == 1 and [phase.taught_by for phase in stream.phases] == ['EWC', 'HAD']


def test_a_phase_and_a_stream_are_frozen_and_leave_their_config_as_it_is(config):
    cfg = config()
    cfg.order = ['depth', 'normal', 'segmentation']
    before = cfg.to_dict()
    stream = Stream.from_config(cfg)
    with pytest.raises(FrozenInstanceError):
        stream.phases[0].loss_weight = 2
    with pytest.raises(FrozenInstanceError):
        stream.tasks = {}
    assert cfg.to_dict() == before and list(stream.tasks) == ['depth', 'normal', 'segmentation']
    assert 'order' not in stream.cfg and [entry.task for entry in stream.cfg.phases] == list(stream.tasks)


@pytest.mark.parametrize('order', [['depth', 'normal'], ['depth', 'normal', 'normal'], ['depth', 'normal', 'edges']])
def test_an_order_of_other_tasks_is_refused(config, order):
    cfg = config()
    cfg.order = order
    with pytest.raises(ConfigError, match='order is depth, normal.*, expected the tasks segmentation, depth, normal in '
                                          'any order, one in each phase'):
        Stream.from_config(cfg)


@pytest.mark.parametrize('section, key', [
    ('method', 'type'), ('train_cfg', 'max_epochs'), ('train_dataloader', 'batch_size'), ('optim_wrapper', 'type'),
    ('val_dataloader', 'batch_size'), ('param_scheduler', 'type')])
def test_what_follows_from_a_section_that_cannot_be_merged_is_no_problem_of_its_own(config, section, key):
    """The stream's GPM edits gradients and cannot follow another backbone, but the phases have another method."""
    own = dict(method=dict(_delete_=True, type='LwF', weight=1.0),
               optim_wrapper=dict(_delete_=True, type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1)))
    cfg = config([dict(task='segmentation', **own), dict(task='depth', backbone=RESNET34, **own)])
    cfg.method = dict(type='GPM')
    Stream.from_config(cfg)
    cfg.phases[1][section] = {key: dict(no='value')}
    if section == 'optim_wrapper':  # of which GPM asks more
        cfg.phases = [dict(task='segmentation'), dict(task='depth', optim_wrapper=cfg.phases[1].optim_wrapper)]
    with pytest.raises(ConfigError) as refusal:
        Stream.from_config(cfg)
    problem, = refusal.value.problems
    assert problem.startswith(f'phases[1].{section} does not fit the section that it overrides (')


# ---- what it costs, and who reads it ---------------------------------------------------------------------------------

def test_each_task_and_each_distinct_method_is_built_once(config, monkeypatch):
    cfg = config([dict(task='segmentation'), dict(task='depth'), dict(task='normal', method=dict(alpha=9.0))])
    tasks, methods = count_builds(monkeypatch, TASKS), count_builds(monkeypatch, METHODS)
    stream = Stream.from_config(cfg)
    for index in (1, 2, 3):
        plan.runner_config(stream, index)
        plan.training_hash(stream, index)
    plan.config_hash(stream), plan.first_phase_hash(stream)
    assert [task['name'] for task in tasks] == list(STREAM)
    assert [method['alpha'] for method in methods] == [1.0, 9.0]


def test_no_other_file_reads_the_phases_of_a_config():
    """A results file has phases, too: `results.phases`, `run.phases` and `stream.phases` are not a config's."""
    readers = {str(path.relative_to(ROOT)) for path in (ROOT / 'lhl').rglob('*.py') for line in path.open()
               if any(text in line for text in ('cfg.phases', "cfg['phases']", "cfg.get('phases", "to_dict()['phases']",
                                                'config.phases', "config.get('phases"))}
    # The second one looks at a config from a file before it is believed, the third one shortens a copy for a trial.
    assert readers == {'lhl/engine/plan/entries.py', 'lhl/stored_configs.py', 'lhl/apis/reproduce/trial.py'}


# ---- less than a whole config ----------------------------------------------------------------------------------------

def test_without_a_check_tasks_and_phases_are_enough():
    cfg = Config(dict(tasks=dict(depth=dict(type='DepthEstimation')), phases=[dict(task='depth')]))
    phase, = Stream.from_config(cfg, check=False).phases
    assert (phase.tasks, phase.method, phase.backbone, phase.heads) == (('depth', ), {}, {}, {})
    with pytest.raises(ConfigError, match="the config has no 'model'"):
        Stream.from_config(cfg)


def test_without_a_check_a_method_that_cannot_be_built_is_still_named(config):
    cfg = config(method__alhpa=1)
    with pytest.raises(ConfigError, match="method: HAD has no option 'alhpa'; did you mean 'alpha'"):
        Stream.from_config(cfg, check=False)


def test_another_method_takes_the_place_of_those_of_all_phases(config):
    cfg = config([dict(task='segmentation'), dict(task='depth', method=dict(alpha=2.0))])
    stream = Stream.from_config(cfg, method=dict(type='Vanilla'))
    assert [phase.method for phase in stream.phases] == [dict(type='Vanilla')] * 2
    assert not stream.requires.teacher and cfg.method.type == 'HAD'


# ---- on which data tasks are scored ----------------------------------------------------------------------------------

def test_tasks_of_the_same_validation_data_are_scored_together(config):
    stream = Stream.from_config(config([
        dict(task='segmentation'), dict(task='depth', val_dataloader=dict(batch_size=1)), dict(task='normal')]))
    assert [(loader['batch_size'], names) for loader, names in stream.scored_tasks(stream.tasks)] == [
        (2, ['segmentation', 'normal']), (1, ['depth'])]
    assert [names for _, names in stream.scored_tasks(['normal'])] == [['normal']]


def test_the_tasks_of_one_head_have_one_head(tmp_path):
    phases = Stream.from_config(class_incremental(tmp_path, phases=[dict(task=name) for name in OBJECTS])).phases
    assert [{name: head.origin for name, head in phase.heads.items()} for phase in phases] == [
        dict(objects='new'), dict(objects='carried over'), dict(objects='carried over')]
