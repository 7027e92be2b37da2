import cv2
import numpy as np
import pytest
from PIL import Image

from lhl.datasets.io.file_bytes import encode_unit_vectors
from lhl.datasets.io.target_pictures import lengths, load_class_indices, load_mask, load_normals, one_channel

from ..nyuv2_files import unit_normals


def write(path, picture):
    assert cv2.imwrite(str(path), picture if picture.ndim == 2 else picture[..., ::-1])
    return path


@pytest.mark.parametrize('bits', [1, 2, 4, 8])
def test_indices_into_a_palette_are_read_and_not_its_colours(tmp_path, bits):
    indices = np.random.default_rng(0).integers(0, 2**bits, (5, 7)).astype(np.uint8)
    picture = Image.fromarray(indices, 'P')
    picture.putpalette(list(np.random.default_rng(1).integers(0, 256, 3 * 2**bits)))
    picture.save(tmp_path / 'indices.png', bits=bits)
    np.testing.assert_array_equal(load_class_indices(tmp_path / 'indices.png'), indices)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_grey_pictures_hold_their_numbers(tmp_path, dtype):
    indices = np.array([[0, 1], [200, np.iinfo(dtype).max]], dtype)
    np.testing.assert_array_equal(load_class_indices(write(tmp_path / 'grey.png', indices)), indices)


def test_normals_of_8_bits_come_back_within_half_a_step_per_component(tmp_path):
    normals = unit_normals(np.random.default_rng(0), (20, 30)).astype(np.float32)
    normals[0, 0] = 0
    found, known = load_normals(write(tmp_path / 'normals.png', encode_unit_vectors(normals)))
    assert not known[0, 0] and known.sum() == known.size - 1
    np.testing.assert_allclose(lengths(found)[known], 1, atol=1e-6)
    chords = np.linalg.norm(found - normals, axis=-1)[known]
    assert np.degrees(2 * np.arcsin(chords.max() / 2)) < np.degrees(np.sqrt(3) / 255)


@pytest.mark.parametrize(('colour', 'known'), [
    ((127, 127, 127), False), ((0, 0, 0), False), ((255, 255, 255), False), ((127, 127, 0), True),
    ((127, 127, 62), True), ((127, 127, 64), False)])  # a vector of length 0.51 and one of 0.498
def test_a_vector_far_from_the_length_1_is_no_direction(tmp_path, colour, known):
    path = write(tmp_path / 'normals.png', np.full((2, 2, 3), colour, np.uint8))
    assert load_normals(path)[1].all() == known


def test_a_mask_is_what_is_lighter_than_half(tmp_path):
    grey = np.array([[0, 127, 128, 255]], np.uint8)
    assert load_mask(write(tmp_path / 'mask.png', grey)).tolist() == [[False, False, True, True]]
    assert load_mask(write(tmp_path / 'mask.png', 257 * grey.astype(np.uint16))).tolist() == [
        [False, False, True, True]]


def test_grey_stored_in_colour_is_grey_and_colours_are_refused():
    assert one_channel(np.full((2, 2, 3), 9)).tolist() == [[9, 9], [9, 9]]
    with pytest.raises(ValueError, match='found a picture in colours, expected one number per pixel'):
        one_channel(np.arange(12).reshape(2, 2, 3))


def test_lengths_are_those_of_numpy():
    vectors = np.random.default_rng(0).normal(size=(4, 5, 3))
    np.testing.assert_allclose(lengths(vectors), np.linalg.norm(vectors, axis=-1))
