from dataclasses import replace

import numpy as np
import pytest

from lhl.synthetic.rooms.materials import PATTERNS, random_material, texture, value_noise

from .hand_made_rooms import GREY

BLACK_AND_WHITE = replace(GREY, colours=np.array([[0, 0, 0], [1, 1, 1]], np.float32))


def at(*points):
    return np.array(points, np.float32).T


def test_noise_is_the_lattice_at_whole_numbers_and_between_its_neighbours_elsewhere():
    low, middle, high = value_noise(at((3, 4, 5), (3.5, 4, 5), (4, 4, 5)))
    assert middle == pytest.approx((low + high) / 2, abs=1e-6)
    # The cubic ease 3 t^2 - 2 t^3 is 0.15625 at a quarter.
    assert value_noise(at((3.25, 4, 5)))[0] == pytest.approx(low + 0.15625 * (high - low), abs=1e-6)


def test_checks_change_at_every_whole_number_along_every_axis():
    checks = replace(BLACK_AND_WHITE, pattern='checks', scale=2.0)
    found = texture(checks, at((0.1, 0.1, 0.1), (0.6, 0.1, 0.1), (0.6, 0.6, 0.1), (0.6, 0.6, 0.6)))
    np.testing.assert_array_equal(found, [[0, 1, 0, 1]] * 3)


@pytest.mark.parametrize('name', PATTERNS)
def test_a_pattern_blends_its_two_colours(name):
    positions = np.random.default_rng(0).uniform(-5, 5, (3, 500)).astype(np.float32)
    found = texture(replace(BLACK_AND_WHITE, pattern=name), positions)
    assert found.shape == (3, 500) and found.min() >= 0 and found.max() <= 1
    assert (found.std() == 0) == (name == 'plain')


def test_bright_and_dark_materials_are_so():
    rng = np.random.default_rng(0)
    colours = {tone: np.array([random_material(rng, tone).colours for _ in range(300)]) for tone in ('bright', 'dark')}
    assert colours['bright'].min() >= 0.45 and colours['dark'].max() <= 0.25
