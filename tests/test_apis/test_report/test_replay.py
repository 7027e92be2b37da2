from types import SimpleNamespace

import numpy as np
import pytest
import torch
from test_datasets.image_tasks import split_tasks

from lhl.apis.report.images import Candidate, Candidates
from lhl.apis.report.replay import Replay, distribution_of, score_of_image, views_of
from lhl.errors import CheckpointError
from lhl.tasks import build_tasks

TASKS = build_tasks(dict(rooms=dict(type='SemanticSegmentation', num_classes=3), depth=dict(type='DepthEstimation')))


def one_hot(classes):
    return torch.nn.functional.one_hot(torch.tensor([classes]), 3).permute(2, 0, 1).float()


SAMPLE = dict(inputs=torch.zeros(3, 1, 4), targets=dict(rooms=torch.tensor([[0, 0, 1, 2]]), depth=torch.ones(1, 1, 4)),
              valid=dict(rooms=torch.tensor([[True, True, True, False]]),
                         depth=torch.tensor([[True, True, False, False]])))


def test_one_image_is_scored_by_the_first_metric_of_its_task():
    # Valid are 0, 0, 1; predicted are 0, 1, 1: class 0 has IoU 1/2, class 1 has 1/2, class 2 is seen nowhere.
    assert score_of_image(TASKS['rooms'], one_hot([0, 1, 1, 0]), SAMPLE) == 'mIoU 50.0 %'
    assert score_of_image(TASKS['depth'], torch.tensor([[[1.5, 2.0, 9.0, 9.0]]]), SAMPLE) == 'AbsErr 0.750 m'


def test_an_image_without_truth_has_no_score():
    unknown = dict(SAMPLE, valid=dict(SAMPLE['valid'], rooms=torch.zeros(1, 4, dtype=torch.bool)))
    assert score_of_image(TASKS['rooms'], one_hot([0, 1, 1, 0]), unknown) == ''
    assert score_of_image(TASKS['rooms'], one_hot([0, 1, 1, 0]), dict(SAMPLE, targets={}, valid={})) == ''


@pytest.fixture
def teacher(monkeypatch):
    """Predicts 0, 1, 1, 0 and 1 to 4 m of any image."""
    predictions = dict(rooms=one_hot([0, 1, 1, 0]), depth=torch.tensor([[[1.0, 2.0, 3.0, 4.0]]]))
    monkeypatch.setattr('lhl.apis.report.replay._predict',
                        lambda learner, candidate, names: {name: predictions[name] for name in names})
    return SimpleNamespace(tasks=TASKS)


def test_pseudo_labels_are_counted_over_all_pixels_and_the_truth_over_those_that_are_labelled(teacher):
    images = [Candidate('a', SAMPLE), Candidate('b', SAMPLE)]
    rooms = distribution_of('HAD', 'rooms', teacher, images)
    assert rooms.edges is None and rooms.predicted.tolist() == [50, 50, 0]
    assert rooms.truth.tolist() == pytest.approx([200 / 3, 100 / 3, 0])
    depth = distribution_of('HAD', 'depth', teacher, images)
    assert (depth.edges[0], depth.edges[-1]) == (1, 4) and depth.predicted.sum() == pytest.approx(100)
    assert np.flatnonzero(depth.predicted).tolist() == [0, 10, 21, 31] and depth.truth[0] == 100
    assert distribution_of('HAD', 'depth', teacher, [Candidate('c', dict(SAMPLE, targets={}))]).truth is None


def test_tasks_of_one_head_are_one_row_with_the_truth_of_the_one_that_has_it():
    tasks = build_tasks(split_tasks(6, 2))
    names = list(tasks)
    labelled = torch.full((1, 1), True)
    sample = dict(inputs=torch.zeros(3, 4, 4), targets={name: torch.full((1, 1), 3) for name in tasks},
                  valid={name: labelled if name == names[1] else ~labelled for name in tasks})
    prediction = torch.eye(6)[4].view(6, 1, 1)
    played = Replay([{names[0]: {1: prediction}, names[1]: {2: prediction, 3: prediction}}])
    view, = views_of(Candidates(tasks, [Candidate('a', sample)], []), {'HAD': played})
    assert list(view.targets) == list(view.frames['HAD']) == ['classes'] and view.valid['classes'].all()
    assert list(view.frames['HAD']['classes']) == [2, 3]  # from where its second task was learned


def test_phases_without_weights_are_named_with_the_first_reason():
    assert Replay([]).note == ''
    assert Replay([], missing={1: CheckpointError('a is gone')}).note == (
        'there are no predictions of phase 1: a is gone.')
    assert Replay([], missing={1: CheckpointError('a is gone'), 3: CheckpointError('b')}).note == (
        'there are no predictions of phases 1 and 3: a is gone.')
