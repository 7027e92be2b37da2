import math

import pytest
import torch
from test_tasks.kinds import TASKS

from lhl.methods.prediction_edges import predicted_edge_source
from lhl.tasks import Task


@pytest.mark.parametrize('name', TASKS)
def test_the_map_has_the_form_of_the_prediction(name):
    prediction = torch.randn(2, TASKS[name].out_channels, 4, 5, generator=torch.Generator().manual_seed(0))
    assert predicted_edge_source(TASKS[name], prediction).shape == prediction.shape


def test_classes_have_their_probabilities():
    logits = torch.full((1, 13, 1, 1), -1e4)
    logits[0, :3, 0, 0] = torch.tensor([math.log(3), 0., 0.])
    torch.testing.assert_close(predicted_edge_source(TASKS['scene'], logits)[0, :4, 0, 0],
                               torch.tensor([.6, .2, .2, 0]))


def test_yes_or_no_has_the_probability_of_yes():
    logits = torch.tensor([-math.log(3), 0., math.log(3)]).reshape(1, 1, 1, 3)
    torch.testing.assert_close(predicted_edge_source(TASKS['attention'], logits).flatten(),
                               torch.tensor([0.25, 0.5, 0.75]))


@pytest.mark.parametrize('task', [TASKS['distance'], TASKS['orientation'], TASKS['bend'], Task('of a new kind', 1)])
def test_numbers_are_their_own_map(task):
    prediction = torch.randn(1, task.out_channels, 2, 2)
    assert predicted_edge_source(task, prediction) is prediction
