import shutil

import cv2
import numpy as np
import pytest
from mmengine.registry import DATASETS as MMENGINE_DATASETS

from lhl.datasets.taskonomy.dataset import DOMAINS
from lhl.datasets.taskonomy.encodings import CLASSES, ENCODINGS
from lhl.errors import ConfigError, DataError

from ..taskonomy_files import MASKED, SIZE, TASKS, file_of, fill_holes, only, save, target_of, taskonomy

# ---- validity --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('name', TASKS)
def test_what_was_rendered_from_the_scan_is_invalid_in_its_holes(shared_root, name):
    holes = cv2.imread(str(file_of(shared_root, 'depth_zbuffer')), cv2.IMREAD_UNCHANGED) == 65535
    target, valid = target_of(shared_root, name)
    if name == 'segmentation':
        values = cv2.imread(str(file_of(shared_root, 'segment_semantic')), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(valid, values != 0)
    else:
        np.testing.assert_array_equal(valid, ~holes if name in MASKED else np.ones(SIZE, bool))
    assert not target[~valid].any() and holes.any()


def test_grey_normals_beside_the_holes_are_invalid_too(root):
    fill_holes(root)
    picture = cv2.imread(str(file_of(root, 'normal')))
    picture[2:4, 5:9] = 127, 127, 128
    save(file_of(root, 'normal'), picture)
    valid = target_of(root, 'normal')[1]
    expected = np.ones(SIZE, bool)
    expected[2:4, 5:9] = False
    np.testing.assert_array_equal(valid, expected)


def test_a_hole_in_the_euclidean_distance_alone_is_one(root):
    fill_holes(root)
    counts = np.full(SIZE, 1000, np.uint16)
    counts[3, 4] = 65535
    save(file_of(root, 'depth_euclidean'), counts)
    valid = target_of(root, 'euclidean_distance')[1]
    assert not valid[3, 4] and valid.sum() == valid.size - 1


def test_a_view_that_is_one_hole_is_loaded_without_a_valid_pixel(root):
    save(file_of(root, 'depth_zbuffer'), np.full(SIZE, 65535, np.uint16))
    save(file_of(root, 'segment_semantic'), np.zeros(SIZE, np.uint8))
    sample = taskonomy(root)[0]
    for name in ['segmentation', *MASKED]:
        assert not sample['valid'][name].any() and not sample['targets'][name].any()
    assert sample['valid']['edge_texture'].all()


def test_the_mask_is_that_of_each_view_in_whatever_order_they_are_read(shared_root):
    dataset = taskonomy(shared_root, tasks=only('normal', 'reshading'))
    first, second, again = dataset[0], dataset[1], dataset[0]
    assert (first['valid']['normal'] != second['valid']['normal']).any()
    for name in ('normal', 'reshading'):
        np.testing.assert_array_equal(first['valid'][name], again['valid'][name])

# ---- which views -----------------------------------------------------------------------------------------------


def test_the_numbers_of_the_views_may_split_them_instead(shared_root):
    options = dict(buildings=dict(train=['merom'], val=['merom']), views=dict(train=[1], val=[4]))
    for split, number in (('train', 1), ('val', 4)):
        samples = taskonomy(shared_root, split, **options).samples
        assert len(samples) == 2 and {(view.building, view.view) for view in samples} == {('merom', number)}


def test_incomplete_views_can_be_skipped_and_every_phase_divides_the_same_images(root, log):
    file_of(root, 'normal', 'merom', 1, 4).unlink()
    file_of(root, 'rgb', 'allensville', 0, 4).unlink()
    shutil.rmtree(root / 'reshading')  # never downloaded, so no view lacks it
    first, *others = (taskonomy(root, tasks=only(name), incomplete='skip').samples
                      for name in ('depth', 'normal', 'keypoints2d'))
    assert all(samples == first for samples in others) and len(first) == 6
    counts = [record.getMessage().partition(' images have')[0] for record in log]
    assert [count for count in counts if count.startswith('Taskonomy:')] == 3 * ['Taskonomy: 6 of 7']


def test_a_domain_that_is_not_there_leaves_no_complete_view(root):
    shutil.rmtree(root / 'reshading')
    with pytest.raises(DataError, match="holds no image of split 'train'"):
        taskonomy(root, tasks=only('reshading'), incomplete='skip')


def test_only_the_domains_of_the_given_tasks_and_the_mask_are_read(root):
    for domain in ENCODINGS:
        if domain not in ('normal', 'depth_zbuffer'):
            shutil.rmtree(root / domain)
    assert list(taskonomy(root, tasks=only('normal'))[0]['targets']) == ['normal']


def test_a_task_may_have_a_name_of_its_own(shared_root):
    dataset = taskonomy(shared_root, tasks=dict(distance=TASKS['depth']), domains=dict(distance='depth_zbuffer'))
    np.testing.assert_array_equal(dataset[0]['targets']['distance'], target_of(shared_root, 'depth')[0])


def test_a_config_builds_it_through_mmengine(shared_root):
    config = dict(type='Taskonomy', _scope_='lhl', data_root=str(shared_root), split='val', buildings='tiny',
                  tasks=TASKS, pipeline=[dict(type='RandomHorizontalFlip'), dict(type='PackSample')])
    dataset = MMENGINE_DATASETS.build(config)
    assert len(dataset) == 4 and list(dataset[0]['targets']) == list(TASKS)
    assert dataset.metainfo['classes'] == list(CLASSES) and len(CLASSES) == 17

# ---- classes ---------------------------------------------------------------------------------------------------


def labels_of(root, classes, **options):
    tasks = dict(segmentation=dict(type='SemanticSegmentation', num_classes=len(classes)))
    sample = taskonomy(root, tasks=tasks, classes=classes, **options)[0]
    return np.where(sample['valid']['segmentation'], sample['targets']['segmentation'], -1)


def test_other_objects_are_background_where_there_is_one(root):
    values = cv2.imread(str(file_of(root, 'segment_semantic')), cv2.IMREAD_UNCHANGED)
    chair, sink = 3, 13
    expected = np.select([values == 0, values == sink, values == chair], [-1, 0, 2], 1)
    np.testing.assert_array_equal(labels_of(root, ['sink', 'background', 'chair']), expected)
    expected = np.select([values == sink, values == chair], [0, 1], -1)
    np.testing.assert_array_equal(labels_of(root, ['sink', 'chair']), expected)


def test_the_present_classes_are_those_of_the_training_images_whatever_the_split(root):
    for path in (root / 'segment_semantic').rglob('*.png'):
        save(path, np.resize(np.uint8([0, 1, 3]), SIZE))
    save(file_of(root, 'segment_semantic', 'merom', 1, 4), np.resize(np.uint8([17, 0]), SIZE))
    tasks = dict(segmentation=dict(type='SemanticSegmentation', num_classes=3))
    for split in ('train', 'val'):
        dataset = taskonomy(root, split, tasks, classes='present')
        assert dataset.classes == ('background', 'chair', 'vase')
    labels = dataset[0]['targets']['segmentation']
    assert set(labels[dataset[0]['valid']['segmentation']]) == {0, 1}
    with pytest.raises(ConfigError, match='num_classes=8, but there are 3 classes: background, chair, vase'):
        taskonomy(root, 'val', dict(segmentation=dict(type='SemanticSegmentation', num_classes=8)), classes='present')

# ---- what is refused -------------------------------------------------------------------------------------------


def test_a_domain_that_is_missing_is_named(root):
    shutil.rmtree(root / 'keypoints2d')
    with pytest.raises(DataError, match=r'keypoints2d/taskonomy/allensville/point_0_view_1_domain_keypoints2d\.png. is '
                                        r'missing \(8 files in rgb, 0 in keypoints2d, 8 without'):
        taskonomy(root)


@pytest.mark.parametrize('domain', ['depth_zbuffer', 'segment_semantic', 'rgb'])
def test_a_missing_file_is_named_with_the_ways_out(root, domain):
    path = file_of(root, domain, 'merom', 1, 4)
    path.unlink()
    with pytest.raises(DataError, match=rf"{path}' is missing .*1 without a partner.*skip=\['merom/point_1_view_4'\].*"
                                        "incomplete='skip'"):
        taskonomy(root)
    assert len(taskonomy(root, skip=['merom/point_1_view_4'])) == 7


def test_domains_with_holes_need_depth_beside_them(root):
    shutil.rmtree(root / 'depth_zbuffer')
    with pytest.raises(DataError, match='domain_depth_zbuffer.png. is missing'):
        taskonomy(root, tasks=only('normal'))
    assert len(taskonomy(root, tasks=only('edge_texture'))) == 8


@pytest.mark.parametrize(('options', 'error', 'message'), [
    (dict(tasks=dict(depths=TASKS['depth'])), ConfigError, "no domain for task 'depths'; did you mean 'depth'"),
    (dict(domains=dict(depth='depth_zbufer')), ConfigError, "no domain 'depth_zbufer'; did you mean 'depth_zbuffer'"),
    (dict(classes=['chair', 'sofa']), ConfigError, "no class 'sofa'"),
    (dict(classes=['chair', 'chair']), ConfigError, 'names a class twice'),
    (dict(classes=16), ConfigError, "classes=16 is unknown; use 17, 'present' or a list"),
    (dict(incomplete='ignore'), ConfigError, "incomplete='ignore' is unknown"),
    (dict(skip=['muleshoe point_399_view_5']), ConfigError, "skip holds 'muleshoe point_399_view_5', expected views"),
    (dict(skip='no_such_list.txt'), DataError, "skip list 'no_such_list.txt' cannot be read"),
    (dict(buildings='no_such_split.csv'), DataError, "buildings 'no_such_split.csv' cannot be read"),
    (dict(buildings=dict(train=['meron'])), DataError, "'meron' of split 'train' has no images.*did you mean 'merom'"),
    (dict(buildings=dict(val=['merom'])), ConfigError, "buildings names no 'train' buildings"),
    (dict(views=dict(val=[4])), ConfigError, "views names no 'train' views"),
    (dict(views=dict(train=[7])), DataError, r"of split 'train'.*allensville, merom with the view numbers \[7\]"),
    (dict(split='test', buildings='tiny'), DataError, "no image of split 'test': found none in any building of that"),
])
def test_an_option_that_cannot_be_is_refused(shared_root, options, error, message):
    with pytest.raises(error, match=message) as caught:
        taskonomy(shared_root, **dict(dict(tasks=only('depth')), **options))
    assert '\n' not in str(caught.value)


def assert_refused(root, name, path, message):
    dataset = taskonomy(root, tasks=only(name))
    with pytest.raises(DataError, match=message) as caught:
        dataset[0]
    assert str(path) in str(caught.value) and '\n' not in str(caught.value)
    dataset[1]


@pytest.mark.parametrize('name', TASKS)
@pytest.mark.parametrize('kept', [0, 20, -10])
def test_a_truncated_file_is_refused_by_its_name(root, name, kept):
    path = file_of(root, DOMAINS[name])
    path.write_bytes(path.read_bytes()[:kept])
    assert_refused(root, name, path, 'truncated|empty')


def test_a_mask_that_cannot_be_read_is_named(root):
    path = file_of(root, 'depth_zbuffer')
    path.write_bytes(path.read_bytes()[:-10])
    assert_refused(root, 'reshading', path, "task 'reshading' .*its mask comes from .*truncated")


def test_an_image_that_cannot_be_read_is_named(root):
    path = file_of(root, 'rgb')
    path.write_bytes(path.read_bytes()[:40])
    assert_refused(root, 'depth', path, 'image .*truncated')
