import struct
import zlib

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from lhl.datasets.io.files import as_float32, as_int64, as_rgb, decode_picture, load_mat, load_npy, load_rgb

PICTURE = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def encoded(picture, suffix='.png'):
    return cv2.imencode(suffix, picture)[1].tobytes()


def test_a_colour_picture_is_decoded_with_red_first():
    np.testing.assert_array_equal(decode_picture(encoded(PICTURE)), PICTURE[..., ::-1])


def test_a_picture_keeps_its_16_bits_and_its_one_channel():
    grey = np.array([[0, 256, 65535]], np.uint16)
    found = decode_picture(encoded(grey))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, grey)


def test_an_alpha_channel_is_dropped():
    alpha = np.full((2, 3, 1), 7, np.uint8)
    np.testing.assert_array_equal(decode_picture(encoded(np.concatenate([PICTURE, alpha], -1))), PICTURE[..., ::-1])


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
@pytest.mark.parametrize(('kept', 'message'), [(0, 'found a file of 0 bytes that is empty'), (0.7, 'truncated')])
def test_a_truncated_picture_is_refused_although_opencv_would_fill_it_with_grey(suffix, kept, message):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    content = encoded(noise, suffix)
    with pytest.raises(ValueError, match=message):
        decode_picture(content[:int(kept * len(content))])


def test_what_is_no_picture_is_refused():
    with pytest.raises(ValueError, match='found a file of 9 bytes that is not an image, or damaged'):
        decode_picture(b'some text')


@pytest.mark.parametrize(('dtype', 'most'), [(np.uint8, 255), (np.uint16, 65535)])
def test_rgb_is_a_share_of_the_largest_number_and_grey_gets_three_channels(tmp_path, dtype, most):
    (tmp_path / 'grey.png').write_bytes(encoded(np.array([[0, most]], dtype)))
    image = load_rgb(tmp_path / 'grey.png')
    assert image.dtype == np.float32 and image.tolist() == [[[0, 0, 0], [1, 1, 1]]]


def test_a_picture_of_floats_is_no_rgb():
    with pytest.raises(ValueError, match='found values of type float32, expected 8 or 16 bits'):
        as_rgb(np.zeros((2, 2), np.float32))


@pytest.mark.parametrize('load', [load_npy, load_rgb, lambda path: load_mat(path, 'x')])
def test_a_missing_file_is_said_to_be_missing(tmp_path, load):
    with pytest.raises(ValueError, match='found no such file, expected one per image; restore it'):
        load(tmp_path / 'nowhere')


def test_an_array_has_at_least_two_axes(tmp_path):
    np.save(tmp_path / 'line.npy', np.zeros(3))
    with pytest.raises(ValueError, match=r'found shape \(3,\), expected at least \(height, width\)'):
        load_npy(tmp_path / 'line.npy')


def test_of_a_matlab_file_one_array_is_read(tmp_path):
    savemat(tmp_path / 'file.mat', dict(depth=np.ones((2, 3)), other=np.zeros(1)))
    assert load_mat(tmp_path / 'file.mat', 'depth').tolist() == [[1, 1, 1], [1, 1, 1]]
    with pytest.raises(ValueError, match="found no array 'normals' in it"):
        load_mat(tmp_path / 'file.mat', 'normals')


def test_floats_become_float32_and_what_overflows_becomes_infinite():
    found = as_float32(np.array([[0.5, 1e300]]), 'in metres')
    assert found.dtype == np.float32 and found.tolist() == [[0.5, np.inf]]
    with pytest.raises(ValueError, match='found values of type int64, expected floats in metres'):
        as_float32(np.array([[1]]), 'in metres')


@pytest.mark.parametrize('dtype', [np.int8, np.uint16, np.float32])
def test_whole_numbers_of_any_type_become_int64(dtype):
    found = as_int64(np.array([[0, 100]], dtype))
    assert found.dtype == np.int64 and found.tolist() == [[0, 100]]


@pytest.mark.parametrize('value', [2.5, np.nan])
def test_fractions_are_no_classes(value):
    with pytest.raises(ValueError, match=f'found a label of {value:g}, expected whole numbers'):
        as_int64(np.array([[1.0, value]]))


def test_a_picture_that_says_it_is_larger_than_any_is_refused():
    content = bytearray(encoded(PICTURE))
    content[16:24] = struct.pack('>II', 65535, 65535)  # the width and the height, with their checksum
    content[29:33] = struct.pack('>I', zlib.crc32(bytes(content[12:29])))
    with pytest.raises(ValueError, match='not an image, or damaged'):
        decode_picture(bytes(content))
