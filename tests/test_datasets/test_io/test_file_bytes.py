import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lhl.datasets.io.file_bytes import encode_npy, encode_png
from lhl.datasets.io.files import load_npy, load_picture


@given(hnp.arrays(st.sampled_from([np.uint8, np.uint16]), st.tuples(st.integers(1, 5), st.integers(1, 5))
                  | st.tuples(st.integers(1, 5), st.integers(1, 5), st.just(3))))
def test_a_png_holds_every_value_and_the_order_of_the_channels(tmp_path_factory, picture):
    path = tmp_path_factory.mktemp('png') / 'picture.png'
    path.write_bytes(encode_png(picture))
    loaded = load_picture(path)
    assert loaded.dtype == picture.dtype
    np.testing.assert_array_equal(loaded, picture)


def test_a_png_is_stored_with_red_first():
    decoded = cv2.imdecode(np.frombuffer(encode_png(np.uint8([[[255, 0, 7]]])), np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded.tolist() == [[[7, 0, 255]]]  # OpenCV's order is blue, green, red


@pytest.mark.parametrize('picture', [np.zeros((2, 2), np.float32), np.zeros((2, 2, 4), np.uint8), np.zeros(4, np.uint8),
                                     np.zeros((2, 2), np.int64)])
def test_what_a_png_cannot_hold_is_refused(picture):
    with pytest.raises(ValueError, match=r'found a picture of shape .*expected \(height, width\)'):
        encode_png(picture)


def test_a_npy_file_holds_the_array(tmp_path):
    array = np.arange(12, dtype=np.float16).reshape(3, 4)[:, ::2]
    (tmp_path / 'array.npy').write_bytes(encode_npy(array))
    loaded = load_npy(tmp_path / 'array.npy')
    assert loaded.dtype == np.float16
    np.testing.assert_array_equal(loaded, array)


def test_objects_are_never_pickled():
    with pytest.raises(ValueError, match='allow_pickle'):
        encode_npy(np.array([[dict()]], dtype=object))
    assert np.load(io.BytesIO(encode_npy(np.zeros((1, 1)))), allow_pickle=False).shape == (1, 1)
