import math

import pytest
import torch

from lhl.losses import masked_mean

LOSSES = torch.tensor([[[1., 2.], [3., 4.]], [[10., 20.], [30., 40.]]])


def test_two_valid_pixels_by_hand():
    valid = torch.zeros(2, 2, 2, dtype=torch.bool)
    valid[0, 1, 1] = valid[1, 0, 0] = True
    assert masked_mean(LOSSES, valid).item() == 7


def test_every_valid_pixel_weighs_the_same_whatever_image_it_is_in():
    valid = torch.ones(2, 2, 2, dtype=torch.bool)
    valid[1, :, 1] = False
    valid[1, 1, 0] = False
    assert masked_mean(LOSSES, valid).item() == 4  # (1 + 2 + 3 + 4 + 10) / 5, not (2.5 + 10) / 2


def test_nothing_valid_gives_0_with_a_graph_and_zero_gradients():
    maps = LOSSES.clone().requires_grad_()
    loss = masked_mean(maps, torch.zeros(2, 2, 2, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert maps.grad.tolist() == torch.zeros(2, 2, 2).tolist()


@pytest.mark.parametrize('garbage', [math.nan, math.inf, -math.inf])
def test_what_stands_at_invalid_pixels_leaks_into_neither_loss_nor_gradient(garbage):
    maps = LOSSES.clone()
    maps[0, 0, 0] = garbage
    maps.requires_grad_()
    loss = masked_mean(maps, maps.detach().isfinite())
    loss.backward()
    assert loss.item() == pytest.approx(109 / 7)
    assert maps.grad.flatten().tolist() == [0] + [torch.tensor(1 / 7).item()] * 7


def test_the_gradient_is_one_over_the_number_of_valid_pixels():
    maps = LOSSES.clone().requires_grad_()
    masked_mean(maps, LOSSES < 4).backward()
    assert maps.grad.flatten().tolist() == [torch.tensor(1 / 3).item()] * 3 + [0] * 5
