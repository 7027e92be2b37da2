"""Lists of names and the files that belong to them, shown on NYUD-v2."""
import pytest

from lhl.datasets.nyud import PLACES
from lhl.errors import DataError

from ..nyud_files import RELEASES, nyud


def test_files_are_in_the_order_of_the_list(nyud_root):
    (nyud_root / 'gt_sets/train.txt').write_text('0041\n\n0003 \n')
    dataset = nyud(nyud_root)
    assert [dataset[position]['meta']['image_path'] for position in range(2)] == [
        str(nyud_root / 'images/0041.jpg'), str(nyud_root / 'images/0003.jpg')]


def test_a_missing_list_is_named(nyud_root):
    (nyud_root / 'gt_sets/val.txt').unlink()
    with pytest.raises(DataError, match=r"gt_sets/val\.txt' .* cannot be read .*folder that holds gt_sets/"):
        nyud(nyud_root, 'val')


@pytest.mark.parametrize(('content', 'message'), [
    ('\n \n', 'names no image, expected one name per line'),
    ('0003\n../secret\n', r"has the line '\.\./secret', expected the name of a file without folder"),
    ('0003\n/etc/passwd\n', "has the line '/etc/passwd'"),
    ('0003\n.hidden\n', r"has the line '\.hidden'"),
    ('0003\n0005\n0003\n', "has '0003' more than once")])
def test_a_list_that_cannot_be_meant_is_refused(nyud_root, content, message):
    (nyud_root / 'gt_sets/train.txt').write_text(content)
    with pytest.raises(DataError, match=rf'gt_sets/train\.txt.*{message}'):
        nyud(nyud_root)


def test_a_missing_folder_is_named(nyud_root):
    (nyud_root / 'normals').rename(nyud_root / 'normal')
    with pytest.raises(DataError, match=r"NYUD_MT/normals' is missing, expected normals/ in data_root"):
        nyud(nyud_root)


@pytest.mark.parametrize('folder', PLACES)
def test_a_missing_file_is_named_with_how_many_are_there(nyud_root, folder):
    path = nyud_root / folder / f'0005.{RELEASES["atrc"][folder]}'
    path.unlink()
    with pytest.raises(DataError, match=rf"'{path}'.* is missing \(2 of the 3 images in the list"):
        nyud(nyud_root)


def test_a_list_longer_than_the_folders_is_refused(nyud_root):
    with (nyud_root / 'gt_sets/train.txt').open('a') as file:
        file.write('0042\n0043\n')
    with pytest.raises(DataError, match=r"images/0042\.jpg' is missing \(3 of the 5 images in the list"):
        nyud(nyud_root)
