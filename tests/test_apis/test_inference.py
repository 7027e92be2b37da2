import shutil

import pytest
import torch
from test_engine.tiny_stream import STREAM

from lhl.apis import load_learner, predict, test_learner
from lhl.apis.inference import last_learners
from lhl.errors import CheckpointError, RunError
from lhl.evaluation import Results


def test_a_run_is_its_last_learner_or_its_separate_models(finished, separate):
    (learner, *_), = last_learners(finished('Vanilla')[1])
    assert list(learner.tasks) == list(STREAM)
    assert [list(learner.tasks) for learner, *_ in last_learners(separate)] == [[name] for name in reversed(STREAM)]


def test_a_run_is_scored_as_it_was_after_its_last_phase(finished):
    run = finished('Vanilla')[1]
    assert test_learner(run) == Results.load(run).phases[-1].metrics


def test_separate_models_are_scored_each_on_its_own_task(separate):
    """The last model alone knows one of the three tasks."""
    phases = Results.load(separate).phases
    metrics = test_learner(separate)
    assert list(metrics) == list(STREAM) and metrics == phases[-1].metrics
    assert test_learner(separate / phases[1].checkpoint) == {'depth': phases[-1].metrics['depth']}


def test_options_change_the_data_that_is_scored(finished, tmp_path):
    with pytest.raises(Exception, match='nowhere'):
        test_learner(finished('Vanilla')[1], {'val_dataloader.dataset.data_root': str(tmp_path / 'nowhere')})


def test_a_log_does_not_follow_a_link_out_of_the_run(finished, tmp_path):
    run = shutil.copytree(finished('Vanilla')[1], tmp_path / 'run')
    (elsewhere := tmp_path / 'elsewhere').mkdir()
    log = (run / Results.load(run).phases[-1].checkpoint).parent / 'test'
    shutil.rmtree(log, ignore_errors=True)
    log.symlink_to(elsewhere)
    with pytest.raises(RunError, match='phase3_normal/test is a link out of the folder of the run'):
        test_learner(run)
    assert not list(elsewhere.iterdir())


def test_what_does_not_exist_cannot_be_scored(tmp_path):
    with pytest.raises(CheckpointError, match='does not exist; give the folder of a run or a phase.safetensors in it'):
        test_learner(tmp_path / 'nowhere')


def test_predictions_have_the_form_of_the_targets_and_need_no_gradient(finished):
    learner = load_learner(finished('Vanilla')[1])
    assert not learner.training and not any(weight.requires_grad for weight in learner.parameters())
    images = torch.rand(2, 3, 32, 48)
    predictions = predict(learner, images)
    assert {name: (tuple(value.shape), value.dtype) for name, value in predictions.items()} == {
        'segmentation': ((2, 32, 48), torch.int64), 'depth': ((2, 1, 32, 48), torch.float32),
        'normal': ((2, 3, 32, 48), torch.float32)}
    assert not predictions['depth'].requires_grad
    torch.testing.assert_close(predictions['normal'].norm(dim=1), torch.ones(2, 32, 48))
    # Images come as data sets give them, and are normalised here.
    raw = learner((images - learner.data_preprocessor.mean) / learner.data_preprocessor.std)
    assert (predictions['segmentation'] == raw['segmentation'].argmax(1)).all()
