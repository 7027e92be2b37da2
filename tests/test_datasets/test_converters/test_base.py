import pytest

from lhl.datasets.converters.base import RECORD, Conversion, record_options, run_conversions, source
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
    with pytest.raises(DataError, match=r"file/0\.a cannot be written .*continues where this one stopped"):
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
