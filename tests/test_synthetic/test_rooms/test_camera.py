import numpy as np
import pytest

from lhl.synthetic.rooms.camera import look_at
from lhl.synthetic.rooms.ray_casting import rotate


def test_camera_axes_are_right_down_forward():
    camera = look_at(np.zeros(3), np.array([0.0, 2.0, 0.0]))
    np.testing.assert_allclose(camera.rotation, [[1, 0, 0], [0, 0, -1], [0, 1, 0]], atol=1e-12)
    tilted = look_at(np.array([1.0, 2.0, 1.5]), np.array([3.0, 3.0, 0.2]), roll=0.3).rotation
    np.testing.assert_allclose(tilted @ tilted.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(tilted) == pytest.approx(1)
    vectors = np.random.default_rng(0).normal(size=(3, 5))
    np.testing.assert_allclose(rotate(tilted, vectors), tilted @ vectors, atol=1e-12)
