import math

import pytest
import torch

from lhl.losses import total_variation


def random_images(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_constant_images_have_none_and_a_zero_gradient():
    images = torch.tensor([0.3, -2.0]).view(2, 1, 1, 1).expand(2, 3, 4, 6).clone().requires_grad_()
    value = total_variation(images)
    value.backward()
    assert value.item() == 0
    assert torch.equal(images.grad, torch.zeros_like(images))


def test_a_vertical_edge_by_hand():
    image = torch.zeros(1, 1, 4, 6)
    image[..., 3:] = 1  # four pixels differ from their right neighbours, and three along each diagonal
    assert total_variation(image).item() == pytest.approx(2 + 0 + math.sqrt(3) + math.sqrt(3), abs=1e-6)
    assert total_variation(image).item() == pytest.approx(5.464, abs=5e-4)


def test_a_horizontal_edge_by_hand():
    image = torch.zeros(1, 1, 4, 6)
    image[..., 2:, :] = 1
    assert total_variation(image).item() == pytest.approx(0 + math.sqrt(6) + 2 * math.sqrt(5), abs=1e-6)


def test_a_single_bright_pixel_differs_from_eight_neighbours():
    image = torch.zeros(1, 1, 5, 5)
    image[..., 2, 2] = 3
    assert total_variation(image).item() == pytest.approx(4 * 3 * math.sqrt(2), abs=1e-5)


def by_loops(images):
    total = 0
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        squares = 0
        height, width = images.shape[-2:]
        for y in range(height):
            for x in range(width):
                if y + down < height and 0 <= x + right < width:
                    squares += ((images[..., y + down, x + right] - images[..., y, x])**2).sum().item()
        total += math.sqrt(squares)
    return total


@pytest.mark.parametrize('shape', [(1, 1, 2, 2), (2, 3, 4, 5), (3, 1, 1, 4), (1, 2, 6, 1)])
def test_it_is_the_sum_over_pairs_of_neighbours(shape):
    images = random_images(*shape)
    assert total_variation(images).item() == pytest.approx(by_loops(images))


def test_it_grows_with_the_square_root_of_the_number_of_images():
    images = random_images(1, 3, 4, 6)
    assert total_variation(images.repeat(9, 1, 1, 1)).item() == pytest.approx(3 * total_variation(images).item())


def test_neither_brightness_nor_a_mirror_changes_it():
    images = random_images(2, 3, 4, 6)
    for other in (images + 5, images.flip(-1), images.flip(-2), images.transpose(-1, -2)):
        assert total_variation(other).item() == pytest.approx(total_variation(images).item())


def test_the_gradient_is_that_of_finite_differences():
    assert torch.autograd.gradcheck(total_variation, random_images(2, 2, 3, 4).requires_grad_())
