
import numpy as np
import pytest

from lhl.datasets.converters.nyud import convert_nyud
from lhl.errors import DataError

from ..changed_files import folder_digest
from ..nyud_files import NAMES, RELEASES, nyud, write_nyud

FILES = 5 * 5 + 2  # five folders of five images, and two lists


@pytest.mark.parametrize('release', RELEASES)
@pytest.mark.parametrize('split', NAMES)
def test_what_is_converted_reads_like_the_release(tmp_path, release, split):
    convert_nyud(write_nyud(tmp_path / 'release', release), tmp_path / 'out')
    before, after = nyud(tmp_path / 'release', split), nyud(tmp_path / 'out', split)
    assert len(before) == len(after) == len(NAMES[split])
    for position in range(len(before)):
        first, second = before[position], after[position]
        assert second['meta']['image_path'].endswith('.npy')
        np.testing.assert_array_equal(first['image'], second['image'])
        for name in ('segmentation', 'depth', 'boundary'):
            np.testing.assert_array_equal(first['targets'][name], second['targets'][name])
        for name in first['valid']:
            np.testing.assert_array_equal(first['valid'][name], second['valid'][name])
        # Half precision keeps 11 bits of each component: at most 2**-12 of a length of 1, twice with the renormalising.
        np.testing.assert_allclose(first['targets']['normal'], second['targets']['normal'], atol=2**-11)


def test_the_release_is_left_alone_and_a_second_call_makes_nothing(tmp_path):
    release = write_nyud(tmp_path / 'release')
    before = folder_digest(release)
    assert convert_nyud(release, tmp_path / 'out') == FILES
    after = folder_digest(tmp_path / 'out')
    assert convert_nyud(release, tmp_path / 'out') == 0
    assert folder_digest(release) == before and folder_digest(tmp_path / 'out') == after


def test_an_interrupted_conversion_goes_on_and_cannot_be_read_before_it_is_whole(tmp_path):
    release = write_nyud(tmp_path / 'release', 'invpt')
    path = release / 'edge/0041.png'
    content = path.read_bytes()
    path.write_bytes(content[:100])
    with pytest.raises(DataError, match=r"edge/0041\.png' cannot be converted: .*truncated.*same command continues"):
        convert_nyud(release, tmp_path / 'out')
    with pytest.raises(DataError, match=r"gt_sets/train\.txt' .* cannot be read"):
        nyud(tmp_path / 'out')
    kept = folder_digest(tmp_path / 'out')
    assert kept
    path.write_bytes(content)
    assert 0 < convert_nyud(release, tmp_path / 'out') < FILES
    assert kept.items() <= folder_digest(tmp_path / 'out').items()
    assert len(nyud(tmp_path / 'out')) == 3


def test_a_folder_of_targets_that_the_release_lacks_is_left_out(tmp_path):
    release = write_nyud(tmp_path / 'release')
    (release / 'edge').rename(tmp_path / 'edge')
    convert_nyud(release, tmp_path / 'out')
    assert sorted(path.name for path in (tmp_path / 'out').iterdir() if path.is_dir()) == [
        'depth', 'gt_sets', 'images', 'normals', 'segmentation']


@pytest.mark.parametrize(('folder', 'message'), [
    ('images', "images' is missing"), ('gt_sets', r"gt_sets/train\.txt' of the images of a split cannot be read")])
def test_a_release_without_images_or_lists_is_refused(tmp_path, folder, message):
    release = write_nyud(tmp_path / 'release')
    (release / folder).rename(tmp_path / folder)
    with pytest.raises(DataError, match=message):
        convert_nyud(release, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_a_missing_file_is_named_before_anything_is_written(tmp_path):
    release = write_nyud(tmp_path / 'release')
    (release / 'depth/0001.npy').unlink()
    with pytest.raises(DataError, match=r"depth/0001\.npy' .*is missing \(4 of the 5 images"):
        convert_nyud(release, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_edges_that_are_not_binary_are_refused(tmp_path):
    release = write_nyud(tmp_path / 'release')
    np.save(release / 'edge/0003.npy', np.full((24, 32), 0.3))
    with pytest.raises(DataError, match=r"edge/0003\.npy' cannot be converted: found values from 0\.3 to 0\.3, expect"):
        convert_nyud(release, tmp_path / 'out')


def test_a_folder_that_holds_something_else_is_not_written_to(tmp_path):
    release = write_nyud(tmp_path / 'release')
    before = folder_digest(release)
    with pytest.raises(DataError, match='is not empty and was not made by this converter'):
        convert_nyud(release, release)
    assert folder_digest(release) == before
