import math

import pytest
import torch

from lhl.losses import (
    cauchy_schwarz_divergence,
    class_views,
    inter_loss,
    intra_loss,
    kdam_loss,
    positive_views,
    unit_vector_views,
)
from lhl.methods import KDAM
from lhl.registry import METHODS

from .conftest import losses_of, make_learner, make_teacher
from .test_lwf import with_constant_output
from .test_multi_task_distillation import TASKS, batch_of_all, begin_all


def test_odds_of_three_to_one_against_one_to_one_by_hand():
    # (3, 1) and (1, 1) have the cosine 2 / sqrt(5); a column of equal numbers is in proportion to any other.
    ours = with_constant_output(make_learner(TASKS), 'segmentation', [math.log(3), 0., -60., -60., -60.])
    theirs = with_constant_output(make_learner(TASKS), 'segmentation', [0., 0., -60., -60., -60.])
    student = begin_all(KDAM('run'), ours, make_teacher(theirs, TASKS)).eval()
    loss = losses_of(student, batch_of_all())['loss_kdam_segmentation']
    assert loss.item() == pytest.approx(math.log(math.sqrt(5) / 2), abs=1e-5)


@pytest.mark.parametrize('inter_weight, intra_weight', [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (2.0, 3.0)])
def test_each_task_has_its_view_and_any_part_of_the_loss(inter_weight, intra_weight):
    student = begin_all(KDAM('run', inter_weight=inter_weight, intra_weight=intra_weight, temperature=2.0)).eval()
    batch = batch_of_all()
    ours, theirs = student(batch.inputs), student.method.phase.teacher.learner(batch.inputs)
    losses = losses_of(student, batch)
    views = dict(segmentation=class_views(ours['segmentation'], theirs['segmentation'], 2.0),
                 depth=positive_views(ours['depth'], theirs['depth']),
                 normal=unit_vector_views(ours['normal'], theirs['normal']))
    for task, view in views.items():
        rows, columns = (part(cauchy_schwarz_divergence, view) for part in (inter_loss, intra_loss))
        torch.testing.assert_close(losses[f'loss_kdam_{task}'], inter_weight * rows + intra_weight * columns)
        torch.testing.assert_close(losses[f'loss_kdam_{task}'], kdam_loss(view, inter_weight, intra_weight))
        assert rows > 0 and columns > 0


def test_its_defaults_are_the_paper_s():
    method = METHODS.build(dict(type='KDAM', teacher='run'))
    assert (method.weight, method.inter_weight, method.intra_weight, method.temperature) == (1, 1, 1, 1)
