import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lhl.datasets.converters.base import RECORD, Conversion, record_options, run_conversions, source
from lhl.datasets.converters.resizing import resize_mean, resize_nearest
from lhl.datasets.io.encoding import encode_npy, encode_png
from lhl.datasets.io.files import load_npy, load_picture
from lhl.errors import DataError


def counting(folder, number, made, outputs=('a', 'b')):
    """A conversion that notes in ``made`` when it is carried out."""
    paths = tuple(folder / f'{number}.{name}' for name in outputs)

    def make():
        made.append(number)
        return {path: f'{path.name} anew'.encode() for path in paths}

    return Conversion(f'source{number}', paths, make)


# ---- what is made ----------------------------------------------------------------------------------------------


def test_every_output_is_written_and_the_conversions_are_counted(tmp_path):
    made = []
    assert run_conversions([counting(tmp_path / 'new', number, made) for number in range(3)], 'numbers') == 3
    assert made == [0, 1, 2]
    assert {path.name: path.read_text() for path in (tmp_path / 'new').iterdir()} == {
        f'{number}.{name}': f'{number}.{name} anew' for number in range(3) for name in 'ab'}


def test_what_is_there_is_not_made_again(tmp_path):
    made = []
    conversions = [counting(tmp_path, number, made) for number in range(4)]
    run_conversions(conversions[:2], 'numbers')
    assert run_conversions(conversions, 'numbers') == 2 and made == [0, 1, 2, 3]
    assert run_conversions(conversions, 'numbers') == 0 and made == [0, 1, 2, 3]


def test_of_a_half_made_conversion_only_the_missing_file_is_written(tmp_path):
    (tmp_path / '0.a').write_text('precious')
    assert run_conversions([counting(tmp_path, 0, [])], 'numbers') == 1
    assert (tmp_path / '0.a').read_text() == 'precious' and (tmp_path / '0.b').read_text() == '0.b anew'


def test_progress_is_shown_on_stderr_alone(tmp_path, capsys):
    run_conversions([counting(tmp_path, 0, [])], 'streets')
    shown = capsys.readouterr()
    assert shown.out == '' and 'streets' in shown.err and '1/1' in shown.err and 'ETA' in shown.err


# ---- what goes wrong -------------------------------------------------------------------------------------------


@pytest.mark.parametrize('error', [ValueError('found rubbish, expected a picture; restore it'),
                                   OSError('found rubbish, expected a picture; restore it')])
def test_a_source_that_cannot_be_read_is_named_and_what_was_converted_stays(tmp_path, error):
    def fail():
        raise error

    made = []
    broken = Conversion('city/broken.png', (tmp_path / 'broken.npy', ), fail)
    with pytest.raises(DataError, match=r"'city/broken\.png' cannot be converted: found rubbish.*restore it.*"
                                        r'converted so far is kept') as caught:
        run_conversions([counting(tmp_path, 0, made), broken, counting(tmp_path, 2, made)], 'numbers')
    assert '\n' not in str(caught.value)
    assert made == [0] and sorted(path.name for path in tmp_path.iterdir()) == ['0.a', '0.b']


def test_the_innermost_source_is_the_one_that_is_named():
    with pytest.raises(DataError, match=r"^'label\.png' cannot"), source('image.png'), source('label.png'):
        raise ValueError('found rubbish, expected a label; restore it')


def test_an_output_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / 'file').write_text('in the way')
    with pytest.raises(DataError, match=r"file/0\.a' cannot be written .*goes on where this one stopped"):
        run_conversions([counting(tmp_path / 'file', 0, [])], 'numbers')


# ---- what a folder was made with -------------------------------------------------------------------------------


def test_the_same_options_may_go_on_in_a_folder(tmp_path):
    for _ in range(2):
        record_options(tmp_path / 'out', dict(size=(128, 256)))
    assert [path.name for path in (tmp_path / 'out').iterdir()] == [RECORD]


def test_other_options_are_refused_and_the_record_stays(tmp_path):
    record_options(tmp_path, dict(size=(128, 256)))
    before = (tmp_path / RECORD).read_bytes()
    with pytest.raises(DataError, match=r"converted with {'size': \[128, 256\]}, but {'size': \[256, 512\]} was asked"):
        record_options(tmp_path, dict(size=(256, 512)))
    assert (tmp_path / RECORD).read_bytes() == before


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / 'thesis.tex').write_text('precious')
    with pytest.raises(DataError, match='not empty and was not made by this converter'):
        record_options(tmp_path, dict(size=(128, 256)))
    assert [path.name for path in tmp_path.iterdir()] == ['thesis.tex']


def test_a_damaged_record_is_named(tmp_path):
    (tmp_path / RECORD).write_text('{"size"')
    with pytest.raises(DataError, match=rf"{RECORD}' cannot be read or written"):
        record_options(tmp_path, dict(size=(128, 256)))


# ---- encoding --------------------------------------------------------------------------------------------------


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


# ---- resizing --------------------------------------------------------------------------------------------------


def test_nearest_takes_the_pixel_at_the_centre():
    assert resize_nearest(np.arange(9)[None], 1, 3).tolist() == [[1, 4, 7]]
    # A centre between two pixels takes the second.
    assert resize_nearest(np.arange(8)[None], 1, 2).tolist() == [[2, 6]]


@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.integers(1, 12), st.integers(1, 12))
def test_nearest_mixes_nothing(array, height, width):
    resized = resize_nearest(array, height, width)
    assert resized.shape == (height, width) and np.isin(resized, array).all()


def test_the_mean_is_over_the_area():
    array = np.array([[0, 2, 10, 10], [4, 6, 10, 30]])
    assert resize_mean(array, 1, 2).tolist() == [[3, 15]]
    assert resize_mean(np.stack([array, -array], axis=-1), 1, 2).tolist() == [[[3, -3], [15, -15]]]


def test_invalid_pixels_have_no_share_in_a_mean():
    array = np.array([[0, 2, 65535, 10], [4, 65535, 65535, 30]])
    means = resize_mean(array, 1, 2, array != 65535)
    np.testing.assert_allclose(means, [[2, 20]], rtol=1e-6)
    assert np.isnan(resize_mean(array[:, 1:3], 1, 1, np.zeros((2, 2), bool))).all()
