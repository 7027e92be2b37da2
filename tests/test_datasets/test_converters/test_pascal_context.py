
import numpy as np
import pytest

from lhl.datasets.converters.pascal_context import convert_pascal_context
from lhl.errors import DataError

from ..changed_files import folder_digest
from ..pascal_context_files import NAMES, pascal, path_of, write_annotation, write_pascal

FILES = 4 * 6 + 2  # an image and five targets for each of four names, and two lists


@pytest.mark.parametrize('split', NAMES)
def test_what_is_converted_reads_like_the_release(tmp_path, split):
    release = write_pascal(tmp_path / 'release')
    convert_pascal_context(release, tmp_path / 'out')
    before, after = pascal(release, split), pascal(tmp_path / 'out', split)
    assert len(before) == len(after) == len(NAMES[split])
    for position in range(len(before)):
        first, second = before[position], after[position]
        np.testing.assert_array_equal(first['image'], second['image'])
        for field in ('targets', 'valid'):
            for name in first['targets']:
                np.testing.assert_array_equal(first[field][name], second[field][name], err_msg=f'{field} of {name}')


def test_nothing_of_matlab_is_left(tmp_path):
    convert_pascal_context(write_pascal(tmp_path / 'release'), tmp_path / 'out')
    suffixes = {path.suffix for path in (tmp_path / 'out').rglob('*') if path.is_file()}
    assert suffixes == {'.jpg', '.png', '.txt', '.json'}


def test_an_image_without_any_annotated_object_becomes_background(tmp_path):
    release = write_pascal(tmp_path / 'release')
    write_annotation(path_of(release, 'human_parts', '2008_000002'), [])
    convert_pascal_context(release, tmp_path / 'out')
    valid = pascal(tmp_path / 'out')[0]['valid']['human_parts']
    assert valid.shape == (24, 32) and not valid.any()


def test_the_release_is_left_alone_and_a_second_call_makes_nothing(tmp_path):
    release = write_pascal(tmp_path / 'release')
    before = folder_digest(release)
    assert convert_pascal_context(release, tmp_path / 'out') == FILES
    after = folder_digest(tmp_path / 'out')
    assert convert_pascal_context(release, tmp_path / 'out') == 0
    assert folder_digest(release) == before and folder_digest(tmp_path / 'out') == after


@pytest.mark.parametrize(('target', 'message'), [
    ('human_parts', r"human_parts/2010_006086\.mat' cannot be converted: .*truncated"),
    ('labels', r"2010_006086\.(mat|png)' cannot be converted: .*truncated"),
    ('normals', r"normals_distill/2010_006086\.png' cannot be converted: .*truncated")])
def test_an_interrupted_conversion_goes_on_and_cannot_be_read_before_it_is_whole(tmp_path, target, message):
    release = write_pascal(tmp_path / 'release')
    path = path_of(release, target, '2010_006086')
    content = path.read_bytes()
    path.write_bytes(content[:100])
    with pytest.raises(DataError, match=message):
        convert_pascal_context(release, tmp_path / 'out')
    with pytest.raises(DataError, match=r"Context/train\.txt' .* cannot be read"):
        pascal(tmp_path / 'out')
    kept = folder_digest(tmp_path / 'out')
    path.write_bytes(content)
    assert 0 < convert_pascal_context(release, tmp_path / 'out') < FILES
    assert kept.items() <= folder_digest(tmp_path / 'out').items()


def test_targets_whose_folders_the_release_lacks_are_left_out(tmp_path):
    release = write_pascal(tmp_path / 'release')
    for folder in ('human_parts', 'pascal-context', 'normals_distill'):
        (release / folder).rename(tmp_path / folder)
    convert_pascal_context(release, tmp_path / 'out')
    assert sorted(path.name for path in (tmp_path / 'out').iterdir() if path.is_dir()) == [
        'ImageSets', 'JPEGImages', 'sal_distill', 'semseg']


def test_normals_without_labels_are_refused(tmp_path):
    release = write_pascal(tmp_path / 'release')
    (release / 'pascal-context').rename(tmp_path / 'pascal-context')
    with pytest.raises(DataError, match=r"pascal-context/trainval' is missing"):
        convert_pascal_context(release, tmp_path / 'out')


def test_a_missing_file_is_named_before_anything_is_written(tmp_path):
    release = write_pascal(tmp_path / 'release')
    path_of(release, 'sal', '2009_005311').unlink()
    with pytest.raises(DataError, match=r"sal_distill/2009_005311\.png' is missing \(3 of the 4 images"):
        convert_pascal_context(release, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()
