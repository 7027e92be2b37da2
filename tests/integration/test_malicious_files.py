"""No file that is read runs code: every attack through every way in, each of which would make a canary file."""
import pickle
import shutil
import sys
from copy import deepcopy

import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.runner.checkpoint import get_torch_safe_globals
from test_engine.test_sources.segmentors import SEGMENTORS, segmentor_config
from test_engine.tiny_stream import FOLDERS, stream_config

from lhl.apis import compare_runs, extend_run, load_learner, test_learner, write_report
from lhl.engine import read_checkpoint, train_stream
from lhl.engine.sources.mmseg import read_segmentor
from lhl.errors import LHLError
from lhl.registry import MODELS

from .malicious import CONFIGS, OBSTACLES, PICKLES, RUNS, edit_results, write_archive


def last_weights(run):
    """The file of the last phase, by the name that an attack may have given it."""
    return next(path for name in ('phase.pth', 'phase.safetensors')
                if (path := run / FOLDERS[-1] / name).is_symlink() or path.exists())


@pytest.fixture
def canary(tmp_path, monkeypatch):
    """The file that an attack makes, also by the import of a module that Python would find."""
    path = tmp_path / 'canary'
    (tmp_path / 'modules/module_with_canary').mkdir(parents=True)
    for name in ('__init__', 'registry'):
        (tmp_path / f'modules/module_with_canary/{name}.py').write_text(
            f"open({str(path)!r}, 'w').close()\nThing = ResNet = print\n")
    monkeypatch.syspath_prepend(tmp_path / 'modules')
    yield path
    for name in [name for name in sys.modules if name.startswith('module_with_canary')]:
        del sys.modules[name]


@pytest.fixture
def ways_in(finished, tmp_path, data_root):
    """Every way in which the folder of a run, or a file in it, is read; none trains anything."""
    cfg, run = finished('HAD')
    shutil.copytree(run, tmp_path / 'run')
    run = tmp_path / 'run'

    def config(work_dir, **options):
        made = stream_config(tmp_path / 'c.py', data_root, tmp_path / work_dir, 'HAD', **options)
        return made

    def resume():
        again = deepcopy(cfg)
        again.work_dir = str(run)
        train_stream(again, resume=True)

    def teacher(path):
        student = config('student', phases=[dict(tasks=['segmentation', 'depth', 'normal'])])
        student.method = dict(type='KDAM', teacher=str(path))
        train_stream(student, until=0)

    def extend(path):
        more = config('more', phases=[dict(task='more')], tasks=dict(_delete_=True, more=dict(type='DepthEstimation')))
        for loader in (more.train_dataloader, more.val_dataloader):
            loader.dataset.folders = dict(more='depth')
        extend_run(path, more, until=0)
    return run, dict(
        test=lambda: test_learner(run),
        test_file=lambda: test_learner(last_weights(run)),
        load_file=lambda: load_learner(last_weights(run)),
        report=lambda: write_report([run], tmp_path / 'report'),
        compare=lambda: compare_runs([run], [run]),
        resume=resume,
        take_over=lambda: train_stream(config('student'), take_over=run, until=0),
        teacher=lambda: teacher(run),
        teacher_file=lambda: teacher(last_weights(run)),
        extend=lambda: extend(run),
        extend_file=lambda: extend(last_weights(run)))


def as_before(run):
    """Give the weights of a run the format, and the name, that they had before."""
    for folder in FOLDERS:
        path = run / folder / 'phase.safetensors'
        torch.save(read_checkpoint(path), path.with_suffix('.pth'))
        path.unlink()
    edit_results(run, lambda results: [phase.update(checkpoint=phase['checkpoint'].replace('.safetensors', '.pth'))
                                       for phase in results['phases']])


@pytest.mark.parametrize('change', [
    lambda run: None, pytest.param(as_before, marks=pytest.mark.slow)], ids=['now', 'as_before'])
def test_every_way_in_takes_an_honest_run_of_either_format(change, ways_in):
    run, ways = ways_in
    change(run)
    for way in ways.values():
        way()


@pytest.mark.parametrize('attack', RUNS.values(), ids=RUNS)
def test_an_attacked_run_runs_nothing_and_ends_in_a_sentence(attack, ways_in, canary):
    run, ways = ways_in
    attack(run, canary)
    refused = []
    for name, way in ways.items():
        try:
            way()
        except LHLError as error:
            refused.append(name)
            assert '\n' not in str(error)
        assert not canary.exists(), name
    assert refused, 'no way in has looked at what was attacked'


@pytest.mark.parametrize('write', {**PICKLES, **OBSTACLES}.values(), ids={**PICKLES, **OBSTACLES})
@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_weights_from_elsewhere_run_nothing(write, suffix, tmp_path, canary):
    path = tmp_path / f'weights{suffix}'
    write(path, canary)
    segmentor = segmentor_config(*SEGMENTORS['aspp'])
    with pytest.raises(LHLError):
        read_segmentor(path, segmentor)
    for init_cfg in (dict(type='Pretrained', checkpoint=str(path)),
                     [dict(type='Pretrained', checkpoint=str(path), prefix='backbone.')]):
        learner = MODELS.build(dict(type='Learner', tasks={}, head={}, backbone=dict(
            type='ResNet', depth=18, base_channels=8, stem_channels=8, init_cfg=init_cfg)))
        with DefaultScope.overwrite_default_scope('lhl'), pytest.raises((LHLError, OSError)):
            learner.init_weights()
    assert not canary.exists()


@pytest.mark.parametrize('write', PICKLES.values(), ids=PICKLES)
def test_a_training_checkpoint_runs_nothing(write, finished, tmp_path, canary):
    cfg, run = finished('HAD')
    shutil.copytree(run, tmp_path / 'run')
    again = deepcopy(cfg)
    again.work_dir = str(tmp_path / 'run')
    edit_results(tmp_path / 'run', lambda results: results['phases'].pop())
    for path in (tmp_path / 'run' / FOLDERS[-1]).glob('epoch_*.pth'):
        path.unlink()
        write(path, canary)
    with pytest.raises(LHLError, match='none of the training checkpoints'):
        train_stream(again, resume=True)
    assert not canary.exists()


# ---- the attacks are live ones -------------------------------------------------------------------------------------

@pytest.mark.parametrize('name', [name for name in PICKLES if name != 'through_getattr'])
def test_the_pickles_would_run_where_anything_is_unpickled(name, tmp_path, canary):
    PICKLES[name](tmp_path / 'weights.pth', canary)
    if name == 'bare_pickle':
        pickle.loads((tmp_path / 'weights.pth').read_bytes())
    else:
        torch.load(tmp_path / 'weights.pth', weights_only=False)
    assert canary.exists()


def test_getattr_reaches_exec_among_the_names_that_mmengine_calls_safe(tmp_path, canary):
    PICKLES['through_getattr'](tmp_path / 'weights.pth', canary)
    with torch.serialization.safe_globals(get_torch_safe_globals()):
        torch.load(tmp_path / 'weights.pth', weights_only=True)
    assert canary.exists()


def test_a_name_in_a_config_is_called_where_it_is_built(canary):
    config = dict(model=dict(backbone={}))
    CONFIGS['backbone'](config, canary)
    MODELS.build(config['model']['backbone'])
    assert canary.exists()


def test_a_bomb_is_one(tmp_path):
    write_archive(tmp_path / 'bomb.pth', b'', compress=True)
    assert (tmp_path / 'bomb.pth').stat().st_size < 2**20
