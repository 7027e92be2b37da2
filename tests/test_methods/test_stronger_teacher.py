import pytest
import torch

from lhl.losses import class_views, dist_loss, inter_loss, intra_loss, pearson_distance, positive_views
from lhl.methods import DIST
from lhl.registry import METHODS

from .conftest import losses_of, make_learner, make_teacher
from .test_lwf import with_constant_output
from .test_multi_task_distillation import TASKS, batch_of_all, begin_all


def test_the_teacher_s_certain_class_against_another_one_by_hand():
    # Of five classes: the deviations (4, -1, -1, -1, -1) / 5 and (-1, 4, -1, -1, -1) / 5 have a correlation of -1 / 4.
    ours = with_constant_output(make_learner(TASKS), 'segmentation', [60., 0., 0., 0., 0.])
    theirs = with_constant_output(make_learner(TASKS), 'segmentation', [0., 60., 0., 0., 0.])
    student = begin_all(DIST('run', intra_weight=0.0), ours, make_teacher(theirs, TASKS)).eval()
    assert losses_of(student, batch_of_all())['loss_dist_segmentation'].item() == pytest.approx(1.25, abs=1e-5)


@pytest.mark.parametrize('inter_weight, intra_weight', [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (2.0, 3.0)])
def test_each_task_has_its_view_and_any_part_of_the_loss(inter_weight, intra_weight):
    student = begin_all(DIST('run', inter_weight=inter_weight, intra_weight=intra_weight, temperature=4.0)).eval()
    batch = batch_of_all()
    ours, theirs = student(batch.inputs), student.method.phase.teacher.learner(batch.inputs)
    losses = losses_of(student, batch)
    views = dict(segmentation=class_views(ours['segmentation'], theirs['segmentation'], 4.0),
                 depth=positive_views(ours['depth'], theirs['depth']))
    for task, view in views.items():
        rows, columns = (part(pearson_distance, view) for part in (inter_loss, intra_loss))
        torch.testing.assert_close(losses[f'loss_dist_{task}'], inter_weight * rows + intra_weight * columns)
        torch.testing.assert_close(losses[f'loss_dist_{task}'], dist_loss(view, inter_weight, intra_weight))


def test_its_defaults_are_the_original_s_for_segmentation():
    method = METHODS.build(dict(type='DIST', teacher='run'))
    assert (method.weight, method.inter_weight, method.intra_weight, method.temperature) == (1, 1, 1, 1)
