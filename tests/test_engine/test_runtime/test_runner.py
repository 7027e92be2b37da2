import json
import pickletools
import zipfile
from pathlib import Path

import pytest

from lhl.datasets import DenseDataset
from lhl.engine import PhaseRunner, load_weights, read_checkpoint, train_stream, weights_digest
from lhl.engine.checkpoint import build_learner, training_checkpoints
from lhl.errors import CheckpointError, ConfigError
from lhl.evaluation import Results
from lhl.methods import HAD, Method
from lhl.registry import MODELS
from test_engine.resolved import phase_config
from test_engine.tiny_stream import FOLDERS, METHODS, STREAM, stream_config


def weights(work_dir, index):
    return read_checkpoint(Path(work_dir, FOLDERS[index - 1], 'phase.safetensors'))['state_dict']


def part(state, prefix):
    return {name: value for name, value in state.items() if name.startswith(prefix)}


def starts_of(monkeypatch):
    """Record each phase's weights as they are when it begins."""
    starts = {}
    begin = Method.begin_phase

    def record(self, learner, phase):
        starts[phase.index] = {name: value.clone() for name, value in learner.state_dict().items()}
        begin(self, learner, phase)
    monkeypatch.setattr(Method, 'begin_phase', record)
    return starts


# ---- where the student comes from ----------------------------------------------------------------------------------

@pytest.fixture(scope='module')
def two_starts(tmp_path_factory, data_root):
    """The weights with which each phase of Vanilla and of HAD begins, and the runs."""
    starts = {}
    with pytest.MonkeyPatch.context() as monkeypatch:
        for method in ('Vanilla', 'HAD'):
            folder = tmp_path_factory.mktemp(method)
            starts[method] = starts_of(monkeypatch), folder / 'run'
            train_stream(stream_config(folder / 'c.py', data_root, folder / 'run', method,
                                       phases=[dict(task=name) for name in STREAM[:2]], train_cfg__max_epochs=1))
            monkeypatch.undo()
    return starts


def test_the_student_starts_from_the_phase_before(two_starts):
    for start, run in two_starts.values():
        old = weights(run, 1)
        assert {name for name in start[2] if name not in old} == set(part(start[2], 'heads.depth.'))
        assert weights_digest({name: start[2][name] for name in old}) == weights_digest(old)
        assert weights_digest(start[1]) != weights_digest(old)


def test_the_new_head_is_random_but_the_same_for_all_methods(two_starts):
    (vanilla, _), (had, _) = two_starts['Vanilla'], two_starts['HAD']
    heads = [part(start[2], 'heads.depth.') for start in (vanilla, had)]
    assert weights_digest(heads[0]) == weights_digest(heads[1])
    kernels = [value for value in heads[0].values() if value.dim() > 1]
    assert kernels and all(value.std() > 0 for value in kernels)


def test_another_seed_gives_another_start(two_starts, tmp_path, data_root, monkeypatch):
    starts = starts_of(monkeypatch)
    train_stream(stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', 'Vanilla', randomness__seed=7,
                               phases=[dict(task='segmentation')], train_cfg__max_epochs=1))
    reference = two_starts['Vanilla'][0][1]
    for prefix in ('backbone.', 'heads.'):
        assert weights_digest(part(starts[1], prefix)) != weights_digest(part(reference, prefix))


def test_the_first_phase_is_the_same_for_all_methods_to_the_bit(finished):
    digests = {weights_digest(weights(finished(method)[1], 1)) for method in METHODS}
    assert len(digests) == 1
    assert len({weights_digest(weights(finished(method)[1], 2)) for method in METHODS}) == 3


# ---- what a phase leaves behind ------------------------------------------------------------------------------------

def test_a_phase_holds_the_learner_alone_and_a_training_checkpoint_the_student(finished):
    cfg, run = finished('HAD')
    for index, folder in enumerate(FOLDERS, 1):
        expected = set(MODELS.build(phase_config(cfg, index).model).state_dict())
        assert set(read_checkpoint(run / folder / 'phase.safetensors')['state_dict']) == expected
        for training in training_checkpoints(run / folder):
            assert set(read_checkpoint(training)['state_dict']) == {f'learner.{name}' for name in expected}


def test_a_phase_checkpoint_rebuilds_its_learner_and_says_what_it_is(finished):
    cfg, run = finished('HAD')
    checkpoint = read_checkpoint(run / FOLDERS[1] / 'phase.safetensors')
    assert checkpoint['lhl']['phase'] == 2 and checkpoint['lhl']['tasks'] == ['depth']
    assert json.loads(checkpoint['lhl']['config'])['method'] == cfg.method.to_dict()
    learner = build_learner(checkpoint, 'phase.safetensors')
    assert list(learner.tasks) == ['segmentation', 'depth'] and not learner.training
    assert not any(p.requires_grad for p in learner.parameters())
    assert weights_digest(learner.state_dict()) == weights_digest(weights(run, 2))


def test_the_teacher_is_the_phase_before_and_stays_it(tmp_path, data_root, monkeypatch):
    seen = {}

    def look(self, learner, phase, dataloader):
        if phase.index == 1:
            assert phase.teacher is None
            return
        teacher = phase.teacher.learner
        seen[phase.index] = weights_digest(teacher.state_dict())
        assert not any(module.training for module in teacher.modules())
        assert not any(p.requires_grad or p.grad is not None for p in teacher.parameters())
        assert teacher not in list(learner.modules()) and list(teacher.tasks) == list(phase.old_tasks)
    monkeypatch.setattr(HAD, 'end_phase', look)
    results = train_stream(stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', train_cfg__max_epochs=1))
    assert seen == {index: results.phases[index - 2].weights_sha256 for index in (2, 3)}


def test_vanilla_leaves_the_old_heads_as_they_are_and_moves_the_backbone(finished):
    _, run = finished('Vanilla')
    first, second, third = (weights(run, index) for index in (1, 2, 3))
    for before, after in ((first, second), (second, third)):
        assert weights_digest(part(before, 'heads.segmentation.')) == weights_digest(part(after, 'heads.segmentation.'))
        assert weights_digest(part(before, 'backbone.')) != weights_digest(part(after, 'backbone.'))
    assert weights_digest(part(second, 'heads.depth.')) == weights_digest(part(third, 'heads.depth.'))


def test_had_moves_the_old_heads(finished):
    _, run = finished('HAD')
    first, second = weights(run, 1), weights(run, 2)
    assert weights_digest(part(first, 'heads.segmentation.')) != weights_digest(part(second, 'heads.segmentation.'))


def test_the_weights_of_every_phase_are_finite(finished):
    for method in METHODS:
        for index in (1, 2, 3):
            assert all(value.isfinite().all() for value in weights(finished(method)[1], index).values())


# ---- what is refused -----------------------------------------------------------------------------------------------

def test_a_student_of_another_architecture_is_refused(finished, tmp_path, data_root):
    _, run = finished('Vanilla')
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', 'Vanilla')
    phase = phase_config(cfg, 2)
    phase.model.head.channels = 9
    with pytest.raises(CheckpointError, match=r'shapes differ .*expected \(9, '):
        load_weights(MODELS.build(phase.model), weights(run, 1), 'phase.safetensors', may_miss=['heads.depth.'])


# ---- resuming ------------------------------------------------------------------------------------------------------

class InterruptedRunError(Exception):
    pass


def interrupt(monkeypatch, phase, iteration):
    """Stop training before an iteration of a phase."""
    original = PhaseRunner.call_hook

    def call_hook(runner, name, **kwargs):
        if name == 'before_train_iter' and (runner.phase.index, runner.iter) == (phase, iteration):
            raise InterruptedRunError
        original(runner, name, **kwargs)
    monkeypatch.setattr(PhaseRunner, 'call_hook', call_hook)


def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, data_root, monkeypatch):
    options = dict(train_cfg__max_epochs=3, phases=[dict(task='segmentation'), dict(task='depth')])
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'whole', **options)
    whole = train_stream(cfg)
    cfg.work_dir = str(tmp_path / 'run')
    with monkeypatch.context() as patch, pytest.raises(InterruptedRunError):
        interrupt(patch, phase=2, iteration=9)
        train_stream(cfg)
    folder = tmp_path / 'run' / FOLDERS[1]
    latest, before = training_checkpoints(folder)
    assert (latest.name, before.name) == ('epoch_2.pth', 'epoch_1.pth')
    content = bytearray(latest.read_bytes())
    content[len(content) // 2] ^= 1  # one bit, in the middle of a tensor
    latest.write_bytes(content)
    resumed = train_stream(cfg, resume=True)
    assert [phase.weights_sha256 for phase in resumed.phases] == [phase.weights_sha256 for phase in whole.phases]
    assert 'epoch_2.pth is damaged: what it holds is not what was written; use another one; trying the one before' in (
        ' '.join(path.read_text() for path in folder.rglob('*.log')))


def test_a_training_checkpoint_holds_tensors_and_plain_values_only(finished):
    path, _ = training_checkpoints(finished('HAD')[1] / FOLDERS[1])
    checkpoint = read_checkpoint(path, needs_digest=True)
    assert set(checkpoint) == {'meta', 'state_dict', 'optimizer', 'param_schedulers', 'method', 'seconds'}
    assert checkpoint['meta'] == dict(epoch=2, iter=6, seed=0)
    names = {name for opcode, name, _ in pickletools.genops(zipfile.ZipFile(path).read('archive/data.pkl'))
             if opcode.name == 'GLOBAL'}
    assert names <= {'collections OrderedDict', 'torch._utils _rebuild_tensor_v2', 'torch FloatStorage',
                     'torch LongStorage', 'torch DoubleStorage'}, names


def test_no_readable_checkpoint_is_said_with_the_cure(tmp_path, data_root, monkeypatch):
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run')
    with monkeypatch.context() as patch, pytest.raises(InterruptedRunError):
        interrupt(patch, phase=1, iteration=4)
        train_stream(cfg)
    (tmp_path / 'run' / FOLDERS[0] / 'epoch_1.pth').write_bytes(b'')
    with pytest.raises(CheckpointError, match='none of the training checkpoints .* can be read .* delete the folder'):
        train_stream(cfg, resume=True)


@pytest.mark.slow
def test_a_loop_over_iterations_resumes_exactly_within_an_epoch(tmp_path, data_root, monkeypatch):
    options = dict(train_cfg=dict(_delete_=True, by_epoch=False, max_iters=8), phases=[dict(task='segmentation')],
                   train_dataloader__dataset__part=dict(index=0, count=3),
                   default_hooks__checkpoint=dict(type='PhaseCheckpointHook', interval=2, by_epoch=False))
    monkeypatch.setattr('mmengine.runner.loops.time.sleep', lambda seconds: None)  # two of them after every epoch
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'whole', **options)
    digests = []
    whole = train_stream(cfg)
    for iteration in (3, 7):  # one epoch is three batches
        cfg.work_dir = str(tmp_path / f'run{iteration}')
        with monkeypatch.context() as patch, pytest.raises(InterruptedRunError):
            interrupt(patch, phase=1, iteration=iteration)
            train_stream(cfg)
        digests.append(train_stream(cfg, resume=True).phases[0].weights_sha256)
    assert digests == [whole.phases[0].weights_sha256] * 2


def test_a_loop_over_epochs_resumes_exactly_within_an_epoch(tmp_path, data_root, monkeypatch, finished):
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run',
                        default_hooks__checkpoint=dict(type='PhaseCheckpointHook', interval=1, by_epoch=False))
    for phase, iteration, name in ((1, 2, 'epoch_0_iter_2.pth'), (2, 3, 'epoch_0_iter_3.pth'),
                                   (3, 5, 'epoch_1_iter_5.pth')):
        with monkeypatch.context() as patch, pytest.raises(InterruptedRunError):
            interrupt(patch, phase, iteration)
            train_stream(cfg, resume=phase > 1)
        assert training_checkpoints(tmp_path / 'run' / FOLDERS[phase - 1])[0].name == name
    whole = Results.load(finished('HAD')[1])
    assert [phase.weights_sha256 for phase in train_stream(cfg, resume=True).phases] == [
        phase.weights_sha256 for phase in whole.phases]


def test_the_batches_before_the_one_that_a_run_resumes_with_are_not_loaded(tmp_path, data_root, monkeypatch):
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', phases=[dict(task='segmentation')],
                        default_hooks__checkpoint=dict(type='PhaseCheckpointHook', interval=1, by_epoch=False))
    with monkeypatch.context() as patch, pytest.raises(InterruptedRunError):
        interrupt(patch, 1, 5)
        train_stream(cfg)
    loaded, load = [], DenseDataset.__getitem__

    def record(dataset, key):
        loaded.append(dataset.split)
        return load(dataset, key)
    monkeypatch.setattr(DenseDataset, '__getitem__', record)
    train_stream(cfg, resume=True)
    # Of two epochs of nine batches of two images; two more to see whether they are there.
    assert loaded.count('train') == (2 * 9 - 5) * 2 + 2


def test_a_memory_larger_than_the_data_is_refused_before_the_first_iteration(tmp_path, data_root):
    cfg = stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', 'Vanilla')
    for method in (dict(type='ICaRL', weight=1.0, memory_size=7), dict(type='DER', weight=1.0, memory_size=7)):
        cfg.method = method
        with pytest.raises(ConfigError, match='is configured to store 7 images, but phase 1 trains on 6; lower'):
            train_stream(cfg)
        assert not list((tmp_path / 'run').rglob('*.pth'))
