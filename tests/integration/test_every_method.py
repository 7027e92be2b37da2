"""Every method, from its shipped config: the stream is learned, and an interrupted run ends as an uninterrupted one."""
import shutil
from functools import cache

import pytest
import torch
from mmengine.config import Config
from test_engine.resolved import first_phase_hash
from test_engine.tiny_stream import CONFIGS, STREAM, halve, write_data

import lhl.methods
from lhl.engine import read_checkpoint, train_stream
from lhl.engine.runtime.hooks import ContinualPhaseHook
from lhl.evaluation import Results
from lhl.registry import METHODS

SUFFIX = '_tiny_synthrooms'
CONFIG_FILES = {path.stem.removesuffix(SUFFIX): path for path in sorted(CONFIGS.glob(f'[!_]*/**/*{SUFFIX}.py'))
                if path.parent.name != 'ablations'}  # which differ from HAD in numbers only
#: They differ from another config in a number or an option that the method's own tests cover.
VARIANTS = ('dis_growing', 'global_pod_l1', 'global_pod_l2', 'had_growing_adapted', 'had_literal', 'joint_narrow',
            'joint_split', 'joint_wide', 'local_pod_l1', 'local_pod_l2', 'lwf_growing', 'rcd_growing',
            'rcd_normalized_growing', 'single_task_growing', 'spg_gradient')
#: These are another one of the list with a part of it changed; what that part does has tests of its own.
LIKE_ANOTHER = ('agem', 'der', 'detached_distillation', 'dist', 'er', 'global_pod_fro', 'kd', 'lwp', 'online_ewc',
                'sgp', 'single_task', 'two_stage_distillation', 'vanilla_growing')
ALL = [pytest.param(name, marks=pytest.mark.slow) if name in (*VARIANTS, *LIKE_ANOTHER) else name
       for name in CONFIG_FILES]
#: Resuming these within a phase is resuming another one of the list.
RESUMED_LIKE_ANOTHER = (
    *LIKE_ANOTHER, 'dis', 'frozen_encoder', 'had_growing', 'joint', 'local_pod_fro', 'lwf', 'vanilla')
RESUMED = [pytest.param(name, marks=pytest.mark.slow) if name in (*VARIANTS, *RESUMED_LIKE_ANOTHER) else name
           for name in CONFIG_FILES]
#: Whose method does something at the end of a phase.
GATHERING = ('detached_distillation', 'dist', 'ewc', 'gpm', 'hcl', 'icarl', 'joint', 'kd', 'kdam', 'online_ewc', 'rcd',
             'rcd_normalized', 'sgp', 'spg', 'two_stage_distillation')
MEMORY = 4  # of the six images of a phase; the shipped configs keep fifty


class InterruptionError(Exception):
    pass


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp('every_method') / 'data')


def read(name, data, work_dir):
    """The shipped config, on a few tiny images: two epochs of three batches of two images in each phase."""
    cfg = Config.fromfile(CONFIG_FILES[name])
    if 'growing' not in name:  # which has other backbones, too
        halve(cfg.model)
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.dataset.data_root = str(data)
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
    for phase in cfg.phases:
        phase.pop('train_cfg', None)
    cfg.train_cfg.max_epochs = 2
    cfg.default_hooks.checkpoint.interval = 1
    cfg.log_level = 'WARNING'
    for method in cfg.method.get('methods', [cfg.method]):
        if METHODS.build(method.to_dict()).requires.stored_images:
            method.memory_size = MEMORY
        if method.get('inversion'):
            method.inversion.update(steps=3, warmup_steps=1)
    if cfg.method.get('teacher'):
        cfg.method.teacher = str(data.parent / 'joint')
    cfg.work_dir = str(work_dir)
    return cfg


@pytest.fixture(scope='module')
def whole(data):
    """The uninterrupted run of a config, and of its teacher, trained once."""
    def train(name):
        run = data.parent / name
        if not run.exists():
            cfg = read(name, data, run)
            if cfg.method.get('teacher'):
                train('joint')
            train_stream(cfg)
        return run
    return train


def carried(run, phase):
    return read_checkpoint(run / phase.checkpoint)['method']


@cache
def method_types():
    """The type of the method of each config."""
    return {name: Config.fromfile(path).method.type for name, path in CONFIG_FILES.items()}


def test_every_method_has_a_config():
    named = set(method_types().values())
    methods = {name for name, method in METHODS.module_dict.items() if method.__module__.startswith('lhl.methods')}
    assert named == methods - {'Combined'}  # which has no method of its own
    assert set(lhl.methods.__all__) >= methods


@pytest.mark.parametrize('name', ALL)
def test_the_stream_is_learned(name, data, whole):
    results = Results.load(whole(name))
    assert results.finished and results.stream == list(STREAM)
    assert list(results.phases[-1].metrics) == list(STREAM)
    for phase in results.phases:
        assert phase.seconds > 0 and phase.parameters > 0
        assert phase.stored_images <= MEMORY
        state = carried(whole(name), phase)
        assert all(isinstance(value, torch.Tensor) for value in state.values())
        assert phase.method_state_mib == sum(value.nbytes for value in state.values()) / 2**20


@pytest.mark.parametrize('name', ALL)
def test_the_first_phase_is_shared_by_all_methods_that_do_not_say_otherwise(name, data, whole, tmp_path):
    reference = 'vanilla_growing' if 'growing' in name else 'vanilla'
    vanilla, results = Results.load(whole(reference)), Results.load(whole(name))
    shareable = first_phase_hash(read(name, data, tmp_path)) == first_phase_hash(read(reference, data, tmp_path))
    if shareable:
        assert results.phases[0].weights_sha256 == vanilla.phases[0].weights_sha256
    else:
        requires = METHODS.build(read(name, data, tmp_path).method.to_dict()).requires
        assert requires.own_first_phase or requires.single_phase or requires.separate_models or 'pod' in name


def copy_beginning(run, folder, phases):
    """Copy a run as it was after its first phases."""
    shutil.copytree(run, folder)
    results = Results.load(folder)
    for phase in results.phases[phases:]:
        shutil.rmtree((folder / phase.checkpoint).parent)
    del results.phases[phases:]
    results.save(folder)


def interrupt(monkeypatch, phase, iteration):
    """Raise before an iteration, as a person's Ctrl-C would."""
    original = ContinualPhaseHook.before_train_iter

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if (runner.phase.index, runner.iter) == (phase, iteration):
            raise InterruptionError
        original(self, runner, batch_idx, data_batch)
    monkeypatch.setattr(ContinualPhaseHook, 'before_train_iter', before_train_iter)


@pytest.mark.parametrize('name', RESUMED)
def test_a_run_interrupted_within_a_phase_ends_as_it_would_have(name, data, whole, tmp_path, monkeypatch):
    expected = Results.load(whole(name))
    cfg = read(name, data, tmp_path / 'run')
    # Where the first phase is not Vanilla's, every phase is interrupted; elsewhere the last, which has it all.
    first = 1 if first_phase_hash(cfg) is None or name == 'vanilla' else len(expected.phases)
    if first > 1:
        copy_beginning(whole(name), tmp_path / 'run', phases=first - 1)
    for phase in range(first, len(expected.phases) + 1):
        interrupt(monkeypatch, phase, 4)  # in the second epoch; the first is on the disk
        with pytest.raises(InterruptionError):
            train_stream(cfg, resume=phase > 1)
        monkeypatch.undo()
    results = train_stream(cfg, resume=True)
    assert [phase.weights_sha256 for phase in results.phases] == [phase.weights_sha256 for phase in expected.phases]
    assert [phase.metrics for phase in results.phases] == [phase.metrics for phase in expected.phases]
    for phase in results.phases:
        ours, theirs = carried(tmp_path / 'run', phase), carried(whole(name), phase)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_the_methods_that_gather_are_listed():
    assert set(GATHERING) == {name for name, kind in method_types().items() if name not in VARIANTS and (
        METHODS.get(kind).end_phase is not lhl.methods.Method.end_phase)}


@pytest.mark.parametrize('name', [
    pytest.param(name, marks=pytest.mark.slow) if name in LIKE_ANOTHER else name for name in GATHERING])
def test_a_phase_that_failed_at_its_end_is_ended_again(name, data, whole, tmp_path):
    """The weights are on the disk; what the method gathers at the end of a phase is gathered again."""
    run = tmp_path / 'run'
    last = Results.load(whole(name)).phases[-1]
    shutil.copytree(whole(name), run)
    (run / last.checkpoint).unlink()
    results = Results.load(run)
    results.phases.pop()
    results.save(run)
    again = train_stream(read(name, data, run), resume=True).phases[-1]
    assert again.weights_sha256 == last.weights_sha256 and again.metrics == last.metrics
    ours, theirs = carried(run, again), carried(whole(name), last)
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)
