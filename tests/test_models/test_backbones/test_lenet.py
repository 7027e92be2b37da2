import pytest
import torch
import torch.nn.functional as F

from lhl.models import CIFARLeNet

from .conftest import images


@pytest.mark.parametrize(('size', 'positions'), [((32, 32), (1, 1)), ((64, 64), (9, 9)), ((33, 47), (1, 4))])
def test_an_image_of_32_pixels_gives_one_position_and_each_further_4_pixels_another(size, positions):
    feature, = CIFARLeNet()(images(size=size))
    assert feature.shape == (2, 84, *positions)


def test_one_position_is_what_the_fully_connected_layers_give():
    backbone = CIFARLeNet()
    conv1, conv2, fc1, fc2 = (layer for layer in backbone.layers if hasattr(layer, 'weight'))
    maps = F.max_pool2d(F.relu(conv2(F.max_pool2d(F.relu(conv1(images())), 2))), 2).flatten(1)
    hidden = F.relu(F.linear(maps, fc1.weight.flatten(1), fc1.bias))
    expected = F.relu(F.linear(hidden, fc2.weight.flatten(1), fc2.bias))
    torch.testing.assert_close(backbone(images())[0].flatten(1), expected)


def test_a_larger_image_is_seen_window_by_window():
    backbone = CIFARLeNet()
    image = images(size=(40, 40))
    feature, = backbone(image)
    torch.testing.assert_close(feature[:, :, 1:2, 2:3], backbone(image[:, :, 4:36, 8:40])[0])


@pytest.mark.parametrize('size', [(31, 64), (64, 31)])
def test_an_image_that_is_too_small_is_refused(size):
    with pytest.raises(ValueError, match=f'images of {size[0]}x{size[1]} pixels, expected at least 32x32'):
        CIFARLeNet()(images(size=size))
