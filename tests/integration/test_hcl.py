"""HCL learns classes that come in tasks, each with an architecture of its own, on real and on inverted images."""
import math

import pytest
from test_engine.tiny_images import GROWING, class_incremental

from lhl.engine import read_checkpoint, train_stream
from lhl.engine.checkpoint import training_checkpoints
from lhl.engine.runtime.hooks import ContinualPhaseHook
from lhl.inversion import QuickDeepInversion

HCL = dict(
    type='HCL', weight=1.0, num_images=6, inverted_batch_size=None,
    inversion=dict(type='QuickDeepInversion', steps=2, warmup_steps=1, chunk_size=6))


@pytest.fixture
def inversions(monkeypatch):
    """The number of images of each inversion."""
    calls = []
    invert = QuickDeepInversion.__call__

    def counted(self, teacher, images, seed):
        inverted = invert(self, teacher, images, seed)
        calls.append((type(teacher.backbone).__name__, len(images), len(inverted)))
        return inverted
    monkeypatch.setattr(QuickDeepInversion, '__call__', counted)
    return calls


def test_a_run_interrupted_after_a_swap_ends_as_a_whole_one_and_inverts_each_teacher_once(
        tmp_path, inversions, monkeypatch):
    options = dict(method=HCL, phases=GROWING[:2], train_cfg__max_epochs=2, default_hooks__checkpoint__interval=1)
    whole = train_stream(class_incremental(tmp_path / 'whole', **options))
    assert inversions == [('CIFARLeNet', 6, 6)]
    before_train_iter = ContinualPhaseHook.before_train_iter

    def interrupt(self, runner, batch_idx, data_batch=None):
        if runner.phase.index == 2 and runner.epoch == 1:
            raise KeyboardInterrupt
        before_train_iter(self, runner, batch_idx, data_batch)
    cfg = class_incremental(tmp_path / 'run', **options)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ContinualPhaseHook, 'before_train_iter', interrupt)
        train_stream(cfg)
    checkpoint, = training_checkpoints(tmp_path / 'run' / 'phase2_objects_2')
    state = read_checkpoint(checkpoint)['state_dict']
    assert any(name.startswith('learner.backbone.stages') for name in state)  # the ResNet, not the LeNet before it
    resumed = train_stream(cfg, resume=True)
    assert inversions == 2 * [('CIFARLeNet', 6, 6)]
    assert [phase.weights_sha256 for phase in resumed.phases] == [phase.weights_sha256 for phase in whole.phases]
    assert [phase.metrics for phase in resumed.phases] == [phase.metrics for phase in whole.phases]
    assert all(math.isfinite(value) for phase in whole.phases for metrics in phase.metrics.values()
               for value in metrics.values())
