import numpy as np
import pytest

from lhl.synthetic.rooms.piece import Piece
from lhl.synthetic.rooms.scene import CLASSES

from .hand_made_rooms import GREY


def test_a_piece_is_turned_about_its_middle_and_then_moved():
    """Worked out by hand: a quarter turn counter-clockwise takes (x, y) to (-y, x)."""
    piece = Piece(1.0, 0.5)
    piece.add('chair', GREY, (0.3, 0.2, 0.4), (0.1, 0.2, 0.3), 'cylinder', yaw=0.25, part=4)
    placed, = piece.place(2.0, 3.0, np.pi / 2, instance=7, z=0.1)
    np.testing.assert_allclose(placed.centre, (2.0 - 0.2, 3.0 + 0.3, 0.5))
    assert placed.half_size == (0.1, 0.2, 0.3) and placed.yaw == pytest.approx(np.pi / 2 + 0.25)
    assert (placed.shape, placed.label, placed.instance, placed.part) == ('cylinder', CLASSES.index('chair'), 7, 4)


def test_labels_are_looked_up_among_the_classes_of_the_piece():
    piece = Piece(0, 0, classes=('sky', 'road'))
    piece.add('road', GREY, (0, 0, 0), (1, 1, 1))
    assert piece.place(0, 0, 0, 0)[0].label == 1
    with pytest.raises(ValueError, match='tuple.index'):
        piece.add('chair', GREY, (0, 0, 0), (1, 1, 1))


def test_two_pieces_do_not_share_their_parts():
    first, second = Piece(1, 1), Piece(1, 1)
    first.add('tv', GREY, (0, 0, 0), (1, 1, 1))
    assert len(first.parts) == 1 and not second.parts
