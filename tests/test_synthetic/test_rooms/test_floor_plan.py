import numpy as np
import pytest

from lhl.synthetic.rooms.floor_plan import FloorPlan
from lhl.synthetic.rooms.piece import Piece


@pytest.mark.parametrize('at_wall', [True, False])
def test_places_lie_in_the_room_and_apart_from_each_other(at_wall):
    rng = np.random.default_rng(0)
    plan = FloorPlan(4.0, 3.0)
    found = [plan.find(rng, Piece(0.4, 0.25), at_wall) for _ in range(30)]
    assert 3 < sum(place is not None for place in found) == len(plan.taken) < 30
    rectangles = np.array(plan.taken)
    assert rectangles.min() >= -1e-9 and (rectangles[:, 1] <= 4 + 1e-9).all() and (rectangles[:, 3] <= 3 + 1e-9).all()
    for one in range(len(rectangles)):
        for x0, x1, y0, y1 in rectangles[:one]:
            low_x, high_x, low_y, high_y = rectangles[one]
            assert low_x >= x1 or high_x <= x0 or low_y >= y1 or high_y <= y0


def test_at_a_wall_the_back_touches_it_and_the_front_faces_the_room():
    """The front points along (-sin yaw, cos yaw), so the wall is half a depth behind the middle."""
    turns = set()
    for seed in range(40):
        x, y, yaw = FloorPlan(4.0, 3.0).find(np.random.default_rng(seed), Piece(0.4, 0.25), at_wall=True)
        back = np.array([x, y]) + 0.25 * np.array([np.sin(yaw), -np.cos(yaw)])
        wall = min(abs(back[0]), abs(back[0] - 4), abs(back[1]), abs(back[1] - 3))
        assert wall < 1e-9
        turns.add(round(yaw / (np.pi / 2)))
    assert turns == {0, 1, 2, 3}


def test_a_piece_larger_than_the_room_has_no_place():
    assert FloorPlan(1.0, 1.0).find(np.random.default_rng(0), Piece(0.6, 0.2), at_wall=False) is None
