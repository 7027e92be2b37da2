import pytest

from lhl.apis.own_data.pairing import Folder, paired, split_images
from lhl.datasets.folder import place_of_name
from lhl.errors import DataError


def files(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize('image, target', [
    ('{}', '{}'), ('{}_rgb', '{}_depth'), ('frame-{}.color', 'frame-{}.depth'), ('{}', 'd_{}'), ('rgb_{}', '{}')])
def test_what_all_names_begin_and_end_with_is_no_part_of_the_image_s_name(tmp_path, image, target):
    numbers = ['01', '02', '12']
    files(tmp_path / 'i', *(f'{image.format(number)}.jpg' for number in numbers))
    files(tmp_path / 't', *(f'{target.format(number)}.png' for number in numbers[1:]))
    images, targets = paired(Folder.find(tmp_path / 'i'), dict(depth=Folder.find(tmp_path / 't')))
    shared = images.files.keys() & targets['depth'].files.keys()
    assert [targets['depth'].files[name].name for name in sorted(shared)] == [
        f'{target.format(number)}.png' for number in numbers[1:]]
    assert [images.files[name].name for name in sorted(shared)] == [
        f'{image.format(number)}.jpg' for number in numbers[1:]]


def test_two_kinds_of_files_in_one_folder_are_told_apart_by_the_name_that_is_given(tmp_path):
    files(tmp_path, 'a_rgb.png', 'a_depth.png', 'b_rgb.png', 'b_depth.png')
    images, targets = paired(Folder.find(f'{tmp_path}/{{}}_rgb'), dict(depth=Folder.find(f'{tmp_path}/{{}}_depth')))
    assert list(images.files) == list(targets['depth'].files) == ['a', 'b']


def test_a_folder_in_which_nothing_belongs_to_an_image_is_one_sentence(tmp_path):
    files(tmp_path, 'i/1.png', 'i/2.png', 'd/1.png', 'm/x.png', 'm/y.png')
    with pytest.raises(DataError, match=r"none of the 2 files in '.*m' has the name of an image in '.*i': found 'x', "
                                        r"expected names such as '1'"):
        paired(Folder.find(tmp_path / 'i'), {name: Folder.find(tmp_path / name) for name in 'dm'})


def test_a_split_that_the_folders_have_is_kept(tmp_path):
    files(tmp_path, *(f'{folder}/{name}.png' for folder in 'id' for name in ('training/1', 'training/3', 'valid/2')))
    images, targets = paired(Folder.find(tmp_path / 'i'), dict(d=Folder.find(tmp_path / 'd')))
    split = split_images(images, targets)
    assert split.names == dict(train={'training/1', 'training/3'}, val={'valid/2'})
    assert split.folders == dict(train='training', val='valid')
    (tmp_path / 'd/training/3.png').unlink()
    with pytest.raises(DataError, match='d has a target for one image in .*training, expected at least 2 to train on'):
        split_images(images, dict(d=Folder.find(tmp_path / 'd')))
    (tmp_path / 'd/training/3.png').touch()
    (tmp_path / 'd/valid/2.png').unlink()
    with pytest.raises(DataError, match='d has no target for the images in .*valid'):
        split_images(images, dict(d=Folder.find(tmp_path / 'd')))


def test_each_task_has_a_tenth_to_a_third_of_its_targets_to_validate_on(tmp_path):
    files(tmp_path, *(f'i/{number}.png' for number in range(40)), *(f'd/{number}.png' for number in range(8)))
    images, targets = paired(Folder.find(tmp_path / 'i'), dict(d=Folder.find(tmp_path / 'd')))
    split = split_images(images, targets)
    seed = split.options['split_seed']
    assert split.names['val'] == {name for name in images.files if place_of_name(name, seed) >= 0.8}
    labelled = set(map(str, range(8)))
    assert 1 <= len(split.names['val'] & labelled) <= 2 and 4 <= len(split.names['val']) <= 14
    assert split.options['split_by'] == 'image'
    with pytest.raises(DataError, match='d has targets for 3 images, expected at least 4'):
        split_images(images, dict(d=Folder(tmp_path, '{}', {str(number): tmp_path for number in range(3)})))


def test_many_sub_folders_are_shared_out_whole(tmp_path):
    files(tmp_path, *(f'{kind}/{room}/{number}.png' for kind in 'id' for room in range(12) for number in range(3)))
    images, targets = paired(Folder.find(tmp_path / 'i'), dict(d=Folder.find(tmp_path / 'd')))
    split = split_images(images, targets)
    assert split.options['split_by'] == 'folder'
    rooms = [{name.split('/')[0] for name in names} for names in split.names.values()]
    assert rooms[0] and rooms[1] and not rooms[0] & rooms[1]
