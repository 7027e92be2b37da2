import math

import pytest

from lhl.progress.status import Status, duration, loss_text, scores_text


def test_the_place_of_a_phase_in_words():
    status = Status(2, 3, 'depth', 40, 60, 3, 14)
    assert (status.name, status.place) == ('phase 2/3 (depth)', 'epoch 3/14, iteration 40/60')
    assert Status(1, 1, 'depth', 40, 60).place == 'iteration 40/60'  # a phase that counts iterations has no epochs


def test_the_speed_is_said_as_far_as_it_is_known():
    assert Status(1, 1, 'depth').speed == ''
    assert Status(1, 1, 'depth', images_per_second=12.34).speed == '12.3 images/s'
    assert Status(1, 1, 'depth', images_per_second=2., phase_seconds=59.6, stream_seconds=3700.).speed == (
        '2.0 images/s, left: phase 1 min 0 s, stream 1 h 1 min')


def test_losses_and_scores_in_words():
    losses = dict(loss=2.84449, loss_new_depth=1.5, loss_old=1.34449)
    assert loss_text(losses, terms=True) == 'loss 2.844 (new_depth 1.5, old 1.344)'
    assert loss_text(losses, terms=False) == 'loss 2.844'
    assert loss_text({}, terms=True) == ''
    assert scores_text({'segmentation/mIoU': 45.123, 'segmentation/PixAcc': 67., 'depth/AbsErr': math.nan}) == (
        'segmentation mIoU 45.12, PixAcc 67; depth AbsErr nan')


@pytest.mark.parametrize('seconds, text', [(0.4, '0 s'), (59.6, '1 min 0 s'), (200, '3 min 20 s'), (7500, '2 h 5 min')])
def test_durations(seconds, text):
    assert duration(seconds) == text
