import numpy as np
import pytest

from lhl.synthetic.objects.shapes import SHAPES


def test_a_disc_and_a_square_cover_what_geometry_says():
    """Areas in a frame of 2000 x 2000: pi 850^2 and 1520^2; a star of radii 1000 and 400: 5 R r sin 36 degrees."""
    u, v = np.meshgrid(np.arange(-1000, 1000, 4), np.arange(-1000, 1000, 4))
    generator = np.random.RandomState(0)
    area = {name: shape(u, v, generator).mean() * 4e6 for name, shape in SHAPES.items()}
    assert area['disc'] == pytest.approx(np.pi * 850**2, rel=0.01)
    assert area['square'] == pytest.approx(1520**2, rel=0.01)
    assert area['triangle'] == pytest.approx(0.75 * np.sqrt(3) * 1000**2, rel=0.01)
    assert area['star'] == pytest.approx(5 * 1000 * 400 * np.sin(np.pi / 5), rel=0.01)


def test_no_shape_leaves_its_frame_by_much_and_each_has_an_inside_and_an_outside():
    u, v = np.meshgrid(np.arange(-1500, 1500, 10), np.arange(-1500, 1500, 10))
    for seed in range(20):
        for name, shape in SHAPES.items():
            inside = shape(u, v, np.random.RandomState(seed))
            assert 0.05 < inside.mean() * 9 / 4 < 0.7, name
            assert np.abs(np.stack([u, v])[:, inside]).max() <= 1000, name
