import contextlib
import hashlib
import struct
import zlib

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from lhl.errors import ConfigError, DataError
from lhl.registry import DATASETS

from .folder_files import ALL, NAMES, SIZE, TARGETS, TASKS, folder, one, write, write_folder

# ---- encodings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('suffix', ['.tif', '.tiff'])
def test_a_tiff_of_floats_is_read_as_it_is(tmp_path, suffix):
    values = np.random.default_rng(0).uniform(0.5, 9, SIZE).astype(np.float32)
    depth, valid = one(tmp_path, 'depth', values, suffix)
    np.testing.assert_array_equal(depth[..., 0], values)
    assert valid.all()


def indexed_png(indices, palette):
    """Encode a picture of 8-bit indices into a palette of RGB colours, which OpenCV itself cannot."""
    def chunk(kind, content):
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))
    height, width = indices.shape
    rows = b''.join(b'\0' + row.tobytes() for row in indices.astype(np.uint8))
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 3, 0, 0, 0)) + chunk(
        b'PLTE', bytes(np.ravel(palette).tolist())) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')


def test_a_png_with_a_palette_is_a_picture_of_its_colours(folder_root):
    for name in NAMES:
        indices = np.full(SIZE, 1)
        indices[0, :2] = 0, 2
        (folder_root / f'label/{name}.png').write_bytes(indexed_png(indices, [[0, 0, 0], [128, 0, 0], [224, 224, 192]]))
    targets = dict(segmentation=dict(folder='label', mapping={'#000000': 0, '#800000': 1, '#e0e0c0': -1}))
    sample = folder(folder_root, tasks=dict(segmentation=TASKS['segmentation']), targets=targets)[0]
    np.testing.assert_array_equal(sample['targets']['segmentation'][0, :3], [0, 0, 1])
    np.testing.assert_array_equal(sample['valid']['segmentation'][0, :3], [True, False, True])


def test_a_png_with_a_palette_holds_its_numbers_unless_colours_are_mapped(folder_root):
    for name in NAMES:
        (folder_root / f'label/{name}.png').write_bytes(indexed_png(np.full(SIZE, 1), [[0, 0, 0], [128, 0, 0]]))
    sample = folder(folder_root, tasks=dict(segmentation=TASKS['segmentation']), targets=dict(
        segmentation=dict(folder='label')))[0]
    assert (sample['targets']['segmentation'] == 1).all() and sample['valid']['segmentation'].all()

# ---- images ----------------------------------------------------------------------------------------------------


def image_of(root, array, suffix):
    write(root / f'images/a{suffix}', array)
    write(root / 'depth/a.npy', np.ones(array.shape[:2]))
    return folder(root, tasks=dict(depth=TASKS['depth']), targets=dict(depth=dict(folder='depth')))[0]['image']


@pytest.mark.parametrize(('suffix', 'most'), [('.png', 255), ('.tiff', 255), ('.npy', 255), ('.png', 65535),
                                              ('.npy', 65535)])
def test_images_of_8_and_16_bits_become_0_to_1(tmp_path, suffix, most):
    dtype = np.uint8 if most == 255 else np.uint16
    raw = np.random.default_rng(0).integers(0, most + 1, (*SIZE, 3), dtype)
    image = image_of(tmp_path, raw, suffix)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, raw / most, atol=1e-7)


@pytest.mark.parametrize('suffix', ['.jpg', '.jpeg', '.JPG'])
def test_a_jpeg_is_an_image_in_the_order_red_green_blue(tmp_path, suffix):
    raw = np.full((16, 16, 3), [200, 100, 30], np.uint8)
    np.testing.assert_allclose(image_of(tmp_path, raw, suffix) * 255, raw, atol=3)


def test_an_npy_image_of_floats_is_taken_as_it_is(tmp_path):
    raw = np.random.default_rng(0).random((*SIZE, 3), np.float32)
    np.testing.assert_array_equal(image_of(tmp_path, raw, '.npy'), raw)

# ---- which files -----------------------------------------------------------------------------------------------


def test_types_of_files_may_be_mixed(folder_root):
    (folder_root / 'depth/b.png').unlink()
    write(folder_root / 'depth/b.npy', np.full(SIZE, 3000, np.int32))
    write(folder_root / 'images/c.jpg', cv2.imread(str(folder_root / 'images/c.png')))
    (folder_root / 'images/c.png').unlink()
    dataset = folder(folder_root)
    assert dataset.samples == ['a', 'b', 'c', 'd']
    assert (dataset[1]['targets']['depth'] == 3).all()
    assert dataset[2]['meta']['image_path'] == str(folder_root / 'images/c.jpg')


def test_sub_folders_are_part_of_the_name(tmp_path):
    write_folder(tmp_path, ['room1/0', 'room2/0'])
    write_folder(tmp_path, ['room2/1'])
    dataset = folder(tmp_path)
    assert dataset.samples == ['room1/0', 'room2/0', 'room2/1']
    depth = cv2.imread(str(tmp_path / 'depth/room2/0.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(dataset[1]['targets']['depth'][..., 0], depth / 1000, rtol=1e-6)


def test_images_and_targets_may_lie_in_one_folder_under_names_of_their_own(tmp_path):
    for number in range(3):
        write(tmp_path / f'scene/{number}_rgb.png', np.zeros((*SIZE, 3), np.uint8))
        write(tmp_path / f'scene/{number}_depth.npy', np.full(SIZE, number + 1.0))
        write(tmp_path / f'scene/{number}_depth.png', np.zeros(SIZE, np.uint8))
    dataset = folder(tmp_path, images=dict(folder='scene', name='{}_rgb'), tasks=dict(depth=TASKS['depth']),
                     targets=dict(depth=dict(folder='scene', name='{}_depth.npy')))
    assert dataset.samples == ['0', '1', '2'] and (dataset[2]['targets']['depth'] == 3).all()


def test_hidden_files_and_files_of_other_types_are_no_images(folder_root):
    for name in ('images/._a.png', 'images/readme.txt', 'depth/Thumbs.db'):
        (folder_root / name).write_bytes(b'x')
    assert folder(folder_root).samples == list(NAMES)


def test_an_image_without_a_target_has_no_valid_pixel_for_it(folder_root):
    (folder_root / 'depth/b.png').unlink()
    (folder_root / 'label/b.png').unlink()
    sample = folder(folder_root)[1]
    assert {name: valid.any() for name, valid in sample['valid'].items()} == dict(
        segmentation=False, depth=False, normal=True)
    assert sample['targets']['depth'].shape == (*SIZE, 1) and sample['targets']['depth'].dtype == np.float32
    assert sample['targets']['segmentation'].shape == SIZE and sample['targets']['segmentation'].dtype == np.int64


def test_images_without_any_target_are_left_out_and_counted(folder_root, monkeypatch):
    (folder_root / 'depth/b.png').unlink()
    (folder_root / 'depth/d.png').unlink()
    logged = []
    monkeypatch.setattr('lhl.datasets.folder.print_log', lambda message, logger: logged.append(message))
    dataset = folder(folder_root, tasks=dict(depth=TASKS['depth']))
    assert logged == [f'{folder_root}, train: 2 of 4 images are skipped, as they have no target for depth']
    assert [dataset[position]['meta']['index'] for position in range(len(dataset))] == [0, 2]
    both = folder(folder_root, tasks={name: TASKS[name] for name in ('depth', 'normal')})
    assert len(both) == 4


def test_the_parts_of_the_phases_do_not_depend_on_which_targets_there_are(tmp_path):
    """Else an image could be seen in two phases."""
    write_folder(tmp_path, [str(number) for number in range(12)])
    for number in range(0, 12, 2):
        (tmp_path / f'depth/{number}.png').unlink()
    parts = [folder(tmp_path, tasks={task: TASKS[task]}, part=dict(index=index, count=2)).indices
             for index, task in enumerate(('segmentation', 'depth'))]
    whole = [folder(tmp_path, tasks=dict(segmentation=TASKS['segmentation']), part=dict(index=index, count=2)).indices
             for index in range(2)]
    assert parts[0] == whole[0] and 0 < len(parts[1]) < 6
    assert parts[1] == [index for index in whole[1] if int(folder(tmp_path).samples[index]) % 2]


def test_with_the_labels_of_its_own_part_an_image_needs_the_target_of_its_part(folder_root):
    (folder_root / 'depth/a.png').unlink()
    tasks = {name: TASKS[name] for name in ('segmentation', 'depth')}
    dataset = folder(folder_root, tasks=tasks, part=dict(index=[0, 1], count=2), labels='own_part')
    expected = [index for index in range(4) if index > 0 or dataset.labelled_task[0] == 'segmentation']
    assert dataset.indices == expected

# ---- splits ----------------------------------------------------------------------------------------------------


def names_of(root, splits, split, **options):
    return folder(root, split, dict(depth=TASKS['depth']), splits=splits, **options).samples


def touch(root, names):
    for name in names:
        for path in (root / f'images/{name}.png', root / f'depth/{name}.png'):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def test_shares_are_disjoint_complete_and_about_as_large_as_asked_for(tmp_path):
    touch(tmp_path, [f'{number:04d}' for number in range(600)])
    splits = dict(train=0.7, val=0.2, test=0.1)
    parts = [names_of(tmp_path, splits, split) for split in splits]
    assert sorted(sum(parts, [])) == [f'{number:04d}' for number in range(600)]
    for part, share in zip(parts, splits.values(), strict=True):
        assert abs(len(part) - 600 * share) < 4 * np.sqrt(600 * share * (1 - share))


def test_adding_images_never_moves_one_from_a_split_to_another(tmp_path):
    splits = dict(train=0.5, val=0.5)
    touch(tmp_path, [f'old{number}' for number in range(40)])
    before = {split: set(names_of(tmp_path, splits, split)) for split in splits}
    touch(tmp_path, [f'{letter}{number}' for letter in ('a', 'new') for number in range(40)])
    for split in splits:
        assert before[split] == {name for name in names_of(tmp_path, splits, split) if name.startswith('old')}


def test_the_share_of_a_name_is_fixed_for_ever(tmp_path):
    """By an independent formula; an update must not divide a data set differently."""
    names = [f'img{number}' for number in range(30)]
    touch(tmp_path, names)
    for seed in (0, 5):
        expected = [name for name in sorted(names)
                    if int(hashlib.sha256(f'{seed}/{name}'.encode()).hexdigest(), 16) / 2**256 >= 0.6]
        assert names_of(tmp_path, dict(train=0.6, val=0.4), 'val', split_seed=seed) == expected
    assert names_of(tmp_path, dict(train=0.6, val=0.4), 'val') != expected


def test_split_by_folder_keeps_a_room_together(tmp_path):
    touch(tmp_path, [f'room{room}/{view}' for room in range(20) for view in range(3)])
    splits = dict(train=0.5, val=0.5)
    rooms = [{name.split('/')[0] for name in names_of(tmp_path, splits, split, split_by='folder')} for split in splits]
    assert not rooms[0] & rooms[1] and len(rooms[0] | rooms[1]) == 20
    assert sum(len(names_of(tmp_path, splits, split, split_by='folder')) for split in splits) == 60


def test_split_by_folder_takes_the_whole_path_of_a_nested_folder(tmp_path):
    """The rooms of one house are assigned one by one, and what lies beside them is a room of its own."""
    rooms = [f'house/room{room}' for room in range(20)] + ['house', 'house/room1/corner']
    touch(tmp_path, [f'{room}/{view}' for room in rooms for view in range(2)])
    for split, first, last in (('train', 0, 0.5), ('val', 0.5, 1)):
        expected = [room for room in rooms
                    if first <= int(hashlib.sha256(f'0/{room}'.encode()).hexdigest(), 16) / 2**256 < last]
        assert 4 < len(expected) < 18
        assert names_of(tmp_path, dict(train=0.5, val=0.5), split, split_by='folder') == sorted(
            f'{room}/{view}' for room in expected for view in range(2))


@pytest.mark.parametrize('shares', [[0.3333333] * 3, [0.3333335, 0.3333335, 0.3333335], [0.1] * 10])
def test_shares_that_add_up_to_1_but_for_rounding_leave_no_image_out(tmp_path, monkeypatch, shares):
    touch(tmp_path, ['first', 'last'])
    monkeypatch.setattr('lhl.datasets.folder.place_of_name', lambda name, seed: 0.0 if name == 'first' else 1 - 2**-48)
    splits = {f'split{number}': share for number, share in enumerate(shares)}
    assert names_of(tmp_path, splits, 'split0') == ['first']
    assert names_of(tmp_path, splits, f'split{len(shares) - 1}') == ['last']


@pytest.mark.parametrize(('share', 'accepted'), [
    (0.499998, False), (0.4999985, False), (0.4999995, True), (0.5, True), (0.5000005, True), (0.5000015, False),
    (0.500002, False)])
def test_shares_add_up_to_1_within_a_millionth(folder_root, share, accepted):
    splits = dict(train=0.5, val=share)
    with contextlib.nullcontext() if accepted else pytest.raises(ConfigError, match='shares that add up to 1'):
        names_of(folder_root, splits, 'train')


def test_lists_give_the_names_in_their_order_with_or_without_suffix(folder_root):
    (folder_root / 'train.txt').write_text('c\na.png\n\n')
    (folder_root / 'val.txt').write_text('b\r\nd\r\n')
    splits = dict(train='train.txt', val='val.txt')
    assert [names_of(folder_root, splits, split) for split in splits] == [['c', 'a'], ['b', 'd']]


def test_a_config_that_was_written_and_read_again_gives_the_same_classes(folder_root, tmp_path):
    targets = dict(segmentation=dict(folder='label', mapping={0: 4, 1: 3, 2: 2, 3: 1, 4: 0, 255: -1}))
    cfg = Config(dict(dataset=dict(
        type='FolderDataset', _scope_='lhl', data_root=str(folder_root), split='train', pipeline=[], targets=targets,
        splits=ALL, tasks=dict(segmentation=TASKS['segmentation']))))
    cfg.dump(tmp_path / 'config.py')
    again = Config.fromfile(tmp_path / 'config.py')
    first, second = (DATASETS.build(config.dataset.to_dict())[0] for config in (cfg, again))
    np.testing.assert_array_equal(first['targets']['segmentation'], second['targets']['segmentation'])
    raw = cv2.imread(str(folder_root / 'label/a.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(first['targets']['segmentation'], np.where(raw == 255, 0, 4 - raw.astype(int)))

# ---- what is refused -------------------------------------------------------------------------------------------


def truncate(path):
    path.write_bytes(path.read_bytes()[:-30])


def replace(suffix, change):
    """Store a changed array in the place of a PNG."""
    def run(path):
        array = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        path.unlink()
        write(path.with_suffix(suffix), change(array if array.ndim == 2 else array[..., ::-1]))
    return run


def pickled(path):
    path.unlink()
    np.save(path.with_suffix('.npy'), np.array([dict(a=1)], dtype=object), allow_pickle=True)


def with_value(value):
    def change(array):
        array = array.copy()
        array[2, 3] = value
        return array
    return change


BAD_FILES = [
    ('images', truncate, 'truncated, expected a whole PNG'),
    ('images', pickled, 'pickled'),
    ('images', replace('.npy', lambda image: image.astype(np.int64)), 'type int64, expected floats from 0 to 1, or'),
    ('images', replace('.npy', lambda image: np.moveaxis(image, -1, 0)), r'shape \(3, 12, 16\).*channels are first'),
    ('images', replace('.npy', lambda image: image.astype(float)), 'expected 0 to 1; divide it by 255'),
    ('label', truncate, 'truncated'),
    ('label', pickled, 'pickled'),
    ('label', replace('.png', with_value(7)), r'the label 7 among 1 of 192 pixels .*expected 0 to 4; .*invalid=7'),
    ('label', replace('.jpg', np.copy), 'found a JPEG, whose compression invents classes'),
    ('label', replace('.png', lambda label: np.stack([label, 1 - label, label], -1)), 'found a picture in colours'),
    ('label', replace('.npy', lambda label: label + 0.5), r'a label of \d+\.5, expected whole numbers'),
    ('label', replace('.png', lambda label: label[1:]), r'shape \(11, 16\), expected \(12, 16\).*12 x 16; export'),
    ('depth', truncate, 'truncated'),
    ('depth', pickled, 'pickled'),
    ('depth', replace('.png', lambda depth: depth[:, 1:]), r'shape \(12, 15, 1\), expected \(12, 16, 1\).*same size'),
    ('depth', replace('.png', lambda depth: np.repeat(depth[..., None], 3, -1)), 'found 3 channels, expected 1;'),
    ('depth', replace('.npy', lambda depth: np.where(depth > 4000, np.nan, depth)), "that are NaN.*invalid='nan'"),
    ('depth', replace('.npy', lambda depth: depth.astype(float) - 9000), 'found a depth of -8'),
    ('depth', replace('.npy', lambda depth: depth.astype(str)), 'type <U.*expected numbers'),
    ('depth', replace('.npy', lambda depth: np.stack([depth] * 2)[None]), r'shape \(1, 2, 12, 16\).*expected numbers'),
    ('normal', truncate, 'truncated'),
    ('normal', replace('.npy', lambda normal: np.moveaxis(normal, -1, 0)), r'\(3, 12, 16\).*channels are first'),
    ('normal', replace('.png', lambda normal: normal[..., 0]), 'found 1 channels, expected 3; choose'),
    ('normal', replace('.png', with_value(255)), r'found a normal of length 1\.73, expected unit vectors')]


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize(('where', 'damage', 'message'), BAD_FILES)
def test_a_bad_file_is_refused_by_its_name(folder_root, where, damage, message):
    damage(folder_root / where / 'c.png')
    dataset = folder(folder_root)
    with pytest.raises(DataError, match=message) as caught:
        dataset[2]
    assert str(folder_root / where / 'c.') in str(caught.value) and '\n' not in str(caught.value)
    dataset[1]


@pytest.mark.parametrize(('options', 'message'), [
    (dict(targets=dict(depth=dict(folder='depth', scales=1))), "unknown option 'scales'; did you mean 'scale'"),
    (dict(targets=dict(depth=dict(scale=1))), "targets.depth has no folder; .*folder='depth'"),
    (dict(targets=dict(depth=dict(folder='depth', name='depth_'))), 'expected {} once'),
    (dict(targets=dict(depth=dict(folder='depth', invalid='none'))), 'targets.depth cannot be read'),
    (dict(targets=dict(depth=dict(folder='depth', mapping={'red': 1}))), 'targets.depth cannot be read'),
    (dict(targets=dict(depth=dict(folder='depth', mapping={'#000000': 1, 3: 1}))), 'has colours and other keys'),
    (dict(targets=dict(depths=TARGETS['depth'])), "no targets for task 'depth'; did you mean 'depths'"),
    (dict(images=dict(folders='images')), "images has an unknown option 'folders'; did you mean 'folder'"),
    (dict(images=dict(folder='images', name='rgb')), "images has name='rgb', expected {} once"),
    (dict(splits=dict(train=0.5, val=0.4)), 'shares that add up to 1'),
    (dict(splits=dict(train=0.5, val='val.txt')), 'neither one list of images per split nor shares'),
    (dict(splits=dict(train=1.5, val=-0.5)), 'shares that add up to 1'),
    (dict(splits=dict(val=1.0)), "no split 'train'; known: val"),
    (dict(split_by='room'), "split_by='room' is unknown")])
def test_an_impossible_config_is_refused(folder_root, options, message):
    with pytest.raises(ConfigError, match=message):
        folder(folder_root, tasks=dict(depth=TASKS['depth']), **options)


def test_a_missing_data_root_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere' is not a folder; .*images/"):
        folder(tmp_path / 'nowhere')


@pytest.mark.parametrize('where', ['images', 'depth'])
def test_a_missing_or_empty_folder_is_named(folder_root, where):
    for path in (folder_root / where).iterdir():
        path.unlink()
    with pytest.raises(DataError, match=f"{where}' holds no file called {{}} of type .png"):
        folder(folder_root)
    (folder_root / where).rmdir()
    with pytest.raises(DataError, match=f"{where}' is missing, expected {where}/"):
        folder(folder_root)


def test_two_files_of_one_name_are_named(folder_root):
    write(folder_root / 'depth/b.npy', np.ones(SIZE))
    with pytest.raises(DataError, match=r"b\.npy' and '.*b\.png' have the same name; .*name='{}\.png'"):
        folder(folder_root)


def test_targets_that_belong_to_no_image_are_refused_with_examples(folder_root):
    for path in list((folder_root / 'depth').iterdir()):
        path.rename(path.with_stem(path.stem + '_depth'))
    with pytest.raises(DataError, match="found 'a_depth', expected names such as 'a'; .*name='{}_depth'"):
        folder(folder_root)
    targets = dict(TARGETS, depth=dict(TARGETS['depth'], name='{}_depth'))
    assert len(folder(folder_root, targets=targets)) == 4


@pytest.mark.parametrize(('content', 'message'), [
    ('a\nz\n', "has 1 names without an image, such as 'z'; .*such as 'a'"),
    ('a\na\n', "has 'a' more than once"), ('\n', "split 'train' gets none of the 4 images")])
def test_a_bad_list_is_refused(folder_root, content, message):
    (folder_root / 'train.txt').write_text(content)
    with pytest.raises(DataError, match=message):
        folder(folder_root, splits=dict(train='train.txt', val='val.txt'))


def test_a_missing_list_is_named(folder_root):
    with pytest.raises(DataError, match=r"list '.*train\.txt' of the images .* cannot be read .*one image per line"):
        folder(folder_root, splits=dict(train='train.txt', val='val.txt'))


def test_a_split_whose_images_have_no_target_is_refused(folder_root):
    (folder_root / 'depth/a.png').unlink()
    (folder_root / 'train.txt').write_text('a\n')
    with pytest.raises(DataError, match="none of the 1 images of the split 'train' has a target for depth"):
        folder(folder_root, tasks=dict(depth=TASKS['depth']), splits=dict(train='train.txt'))
