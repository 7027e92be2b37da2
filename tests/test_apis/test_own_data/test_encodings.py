"""What stored numbers are taken for, with the values that they then have worked out by hand."""
import numpy as np
import pytest

from lhl.apis.own_data.contents import Content
from lhl.apis.own_data.encodings import encoding_of, kind_of
from lhl.errors import ConfigError, DataError


def content(*arrays):
    made = Content(arrays[0].dtype, 1 if arrays[0].ndim == 2 else arrays[0].shape[2])
    for number, array in enumerate(arrays):
        made.add(array, is_trained=number == 0)
    return made


def whole(*numbers, dtype=np.uint8):
    return np.array([numbers], dtype)


def encoding(kind, *arrays, classes=None):
    return encoding_of('it', kind, content(*arrays), classes)


def test_depth_of_16_bits_is_in_millimetres_with_the_moments_of_the_images_to_train_on():
    found = encoding('depth', whole(0, 1000, 3000, dtype=np.uint16), whole(9000, 65535, dtype=np.uint16))
    assert found.task == dict(type='DepthEstimation', mean=2.0, std=1.0)
    assert found.files == dict(scale=0.001, invalid=[0, 65535])
    assert '1 to 9 m' in found.found


def test_depth_of_floats_is_in_metres_and_in_millimetres_where_metres_would_be_too_many():
    found = encoding('depth', np.array([[np.nan, 1, 3, -1]], np.float32))
    assert found.task == dict(type='DepthEstimation', mean=2.0, std=1.0)
    assert found.files == dict(invalid=[0, 'nan', -1.0])
    assert encoding('depth', np.array([[1000, 3000]], np.float32)).files['scale'] == 0.001


@pytest.mark.parametrize('numbers, files, num_classes', [
    ((0, 1, 2, 255), dict(invalid=255), 3), ((0, 255), dict(mapping={0: 0, 255: 1}), 2), ((0, 1, 3), {}, 4),
    ((7, 8, 26), dict(mapping={7: 0, 8: 1, 26: 2}), 3)])
def test_numbers_of_classes(numbers, files, num_classes):
    found = encoding('segmentation', whole(*numbers))
    assert found.files == files and found.task['num_classes'] == num_classes == len(found.task['classes'])


def test_colours_of_classes_one_picture_of_which_is_black():
    picture = np.array([[[0, 0, 0], [128, 0, 0], [0, 128, 0]]], np.uint8)
    found = encoding('segmentation', np.zeros_like(picture), picture)
    assert found.files == dict(mapping={'#000000': 0, '#008000': 1, '#800000': 2})


def test_named_classes_may_be_more_than_occur_but_not_fewer():
    found = encoding('segmentation', whole(0, 1), classes=['floor', 'wall', 'ceiling'])
    assert found.task['num_classes'] == 3 and found.files == {}
    with pytest.raises(DataError, match=r'hold 4 values \(0 to 3\), but `classes` names 2 \(floor, wall\)'):
        encoding('segmentation', whole(0, 1, 2, 3, 255), classes=['floor', 'wall'])


def test_normals_of_8_bits_and_of_floats():
    found = encoding('normal', np.full((2, 2, 3), 255, np.uint8))
    assert found.files == dict(scale=2 / 255, offset=-1, invalid=[0, 127, 128])
    vectors = np.zeros((1, 2, 3), np.float32)
    vectors[0, 0, 2] = -1
    assert encoding('normal', vectors).files == {}
    with pytest.raises(DataError, match='3 long on average, expected 1'):
        encoding('normal', 3 * vectors)


def test_masks_of_two_values_and_counts():
    assert encoding('saliency', whole(0, 255)).files == dict(scale=1 / 255)
    found = encoding('edges', whole(0, 2, dtype=np.uint16))
    assert found.files == dict(scale=1) and found.task == dict(type='EdgeEstimation', mean=1.0, std=1.0)
    grey = np.repeat(whole(0, 255)[..., None], 3, axis=2)
    assert encoding('reshading', grey).files == dict(scale=1 / 255, channels=[0])


@pytest.mark.parametrize('kind, array, sentence', [
    ('depth', np.zeros((2, 2, 3), np.uint8), '3 channels of uint8, expected one number per pixel'),
    ('depth', whole(0, dtype=np.uint16), 'hold nothing but 0'),
    ('depth', np.full((1, 1), np.nan), 'no number above 0'),
    ('segmentation', np.arange(300, dtype=np.uint16)[None], '300 different numbers up to 299'),
    ('segmentation', np.ones((1, 1), np.float32), 'numbers of type float32, expected classes'),
    ('segmentation', whole(3), 'a single value'),
    ('boundary', whole(0, 7, 9), 'hold the numbers 0, 7, 9'),
    ('reshading', np.zeros((1, 1, 2), np.uint8), '2 channels, expected 1')])
def test_what_cannot_be_of_a_kind_is_one_sentence(kind, array, sentence):
    with pytest.raises(DataError, match=sentence):
        encoding(kind, array)


@pytest.mark.parametrize('name, kind', [
    ('depth_zbuffer', 'depth'), ('my_masks', 'segmentation'), ('texture_edges', 'edges'), ('normals', 'normal')])
def test_the_name_of_a_task_tells_its_kind(name, kind):
    assert kind_of(name, '') == kind


def test_a_kind_that_is_not_known():
    with pytest.raises(ConfigError, match='height does not say what kind of task it is; write height:KIND=FOLDER'):
        kind_of('height', '')
    with pytest.raises(ConfigError, match="did you mean 'depth'"):
        kind_of('height', 'dept')
