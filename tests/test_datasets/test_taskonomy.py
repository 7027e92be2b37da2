import logging
import shutil

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS as MMENGINE_DATASETS

from lhl.datasets.taskonomy.dataset import DOMAINS, Taskonomy
from lhl.datasets.taskonomy.encodings import CLASSES, ENCODINGS, check_facing, class_of_value, decode_normals
from lhl.datasets.taskonomy.views import TINY, split_buildings
from lhl.errors import ConfigError, DataError

from .conftest import unit_normals

TASKS = dict(
    segmentation=dict(type='SemanticSegmentation', num_classes=17),
    depth=dict(type='DepthEstimation'),
    normal=dict(type='SurfaceNormalEstimation'),
    edge_occlusion=dict(type='EdgeEstimation'),
    reshading=dict(type='ReshadingEstimation'),
    keypoints2d=dict(type='KeypointEstimation'),
    edge_texture=dict(type='EdgeEstimation'),
    euclidean_distance=dict(type='EuclideanDistanceEstimation'),
    principal_curvature=dict(type='PrincipalCurvatureEstimation'),
    keypoints3d=dict(type='KeypointEstimation'))
MASKED = ['depth', 'normal', 'edge_occlusion', 'reshading', 'euclidean_distance', 'principal_curvature', 'keypoints3d']
#: Where the file of a domain lies, in each of the shapes that are in use.
SHAPES = dict(
    omnidata='{domain}/taskonomy/{building}/point_{point}_view_{view}_domain_{token}.png',
    archives='{building}_{domain}/{domain}/point_{point}_view_{view}_domain_{token}.png',
    buildings='{building}/{domain}/point_{point}_view_{view}_domain_{token}.png',
    taskgrouping='{domain}/{building}/point_{point}_view_{view}_domain_{token}.png',
    flat='{domain}/{building}_point_{point}_view_{view}_domain_{token}.png')
BUILDINGS = dict(train=['allensville', 'merom'], val=['darden'])
SIZE = (12, 16)


def file_of(root, domain, building='allensville', point=0, view=1, shape='omnidata'):
    token = domain.replace('segment_semantic', 'segmentsemantic')
    return root / SHAPES[shape].format(domain=domain, building=building, point=point, view=view, token=token)


def encoded(domain, generator, size):
    """Random values of a domain as they are stored, with channels in OpenCV's order: blue, green, red."""
    if domain == 'rgb':
        return generator.integers(0, 256, (*size, 3), np.uint8)
    if domain == 'segment_semantic':
        return generator.integers(0, 18, size).astype(np.uint8)
    if domain == 'normal':
        towards = np.rint((1 - unit_normals(generator, size)) / 2 * 255)  # x left, y up, z toward the camera
        return towards[..., ::-1].astype(np.uint8)
    if domain == 'reshading':
        return generator.integers(0, 256, size).astype(np.uint8)
    if domain == 'principal_curvature':
        return generator.integers(0, 255, (*size, 3)).astype(np.uint8)
    values = generator.integers(1, 65535, size).astype(np.uint16)
    if domain == 'depth_zbuffer':
        values[generator.random(size) < 0.2] = 65535
    return values


def write_taskonomy(root, shape='omnidata', buildings=('allensville', 'merom', 'darden'), points=2, views=(1, 4),
                    size=SIZE, domains=(*ENCODINGS, 'rgb')):
    """Write random views of some buildings."""
    generator = np.random.default_rng(0)
    for building in buildings:
        for point in range(points):
            for view in views:
                for domain in domains:
                    save(file_of(root, domain, building, point, view, shape), encoded(domain, generator, size))
    return root


def save(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture)


@pytest.fixture(scope='module')
def shared_root(tmp_path_factory):
    """Views that no test changes."""
    return write_taskonomy(tmp_path_factory.mktemp('taskonomy'))


@pytest.fixture
def root(shared_root, tmp_path):
    return shutil.copytree(shared_root, tmp_path / 'root')


@pytest.fixture
def log():
    """Collect what is logged."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = MMLogger.get_current_instance()
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)


def taskonomy(root, split='train', tasks=TASKS, pipeline=(), buildings=BUILDINGS, **options):
    return Taskonomy(data_root=root, split=split, tasks=tasks, pipeline=pipeline, buildings=buildings, **options)


def only(*names):
    return {name: TASKS[name] for name in names}


def target_of(root, name, **options):
    """The target and the validity of one task in the first view."""
    sample = taskonomy(root, tasks=only(name), **options)[0]
    return sample['targets'][name], sample['valid'][name]


def fill_holes(root):
    """Make the scan of the first view whole."""
    save(file_of(root, 'depth_zbuffer'), np.full(SIZE, 1000, np.uint16))


# ---- round trips -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(('name', 'domain'), [('depth', 'depth_zbuffer'), ('euclidean_distance', 'depth_euclidean')])
def test_distances_come_back_within_half_a_count(root, name, domain):
    fill_holes(root)
    metres = np.random.default_rng(1).uniform(0.3, 127, SIZE)
    save(file_of(root, domain), np.rint(512 * metres).astype(np.uint16))
    target, valid = target_of(root, name)
    assert valid.all() and target.shape == (*SIZE, 1) and target.dtype == np.float32
    np.testing.assert_allclose(target[..., 0], metres, atol=1 / 1024 + 1e-5)


def test_normals_come_back_as_unit_vectors_in_the_camera_frame_of_lhl(root):
    fill_holes(root)
    normals = unit_normals(np.random.default_rng(1), SIZE)  # x right, y down, z forward
    left_up_toward = np.stack([-normals[..., 0], -normals[..., 1], -normals[..., 2]], axis=-1)
    save(file_of(root, 'normal'), np.rint((left_up_toward + 1) / 2 * 255).astype(np.uint8)[..., ::-1])
    target, valid = target_of(root, 'normal')
    assert valid.all()
    np.testing.assert_allclose(np.linalg.norm(target, axis=-1), 1, atol=1e-6)
    degrees = np.degrees(2 * np.arcsin(np.linalg.norm(target - normals, axis=-1) / 2))
    assert degrees.max() < np.degrees(3**0.5 / 255) + 1e-3


def test_the_colours_of_a_wall_a_floor_and_a_wall_at_the_right_are_those_of_taskonomy(root):
    # Facing the camera is blue, a floor green, and what looks to the left, as a wall at the right does, red.
    fill_holes(root)
    picture = np.full((*SIZE, 3), (127, 127, 255), np.uint8)
    picture[0, 0], picture[0, 1] = (127, 255, 127), (255, 127, 127)
    save(file_of(root, 'normal'), picture[..., ::-1])
    target = target_of(root, 'normal')[0]
    np.testing.assert_allclose(target[1, 1], [0, 0, -1], atol=0.006)
    np.testing.assert_allclose(target[0, 0], [0, -1, 0], atol=0.006)
    np.testing.assert_allclose(target[0, 1], [-1, 0, 0], atol=0.006)


def test_curvatures_come_back_within_half_a_count(root):
    fill_holes(root)
    curvature = np.random.default_rng(1).uniform(-1 / 0.03, 1 / 0.03, (*SIZE, 2))
    curvature[0, 0] = 0
    red_green = np.rint((0.03 * curvature + 1) / 2 * 254)
    blue = np.full((*SIZE, 1), 99)
    save(file_of(root, 'principal_curvature'), np.concatenate([blue, red_green[..., ::-1]], axis=-1).astype(np.uint8))
    target, valid = target_of(root, 'principal_curvature')
    assert valid.all() and target.shape == (*SIZE, 2)
    np.testing.assert_allclose(target, curvature, atol=1 / 254 / 0.03 + 1e-4)
    np.testing.assert_allclose(target[0, 0], 0, atol=1e-5)


@pytest.mark.parametrize('channels', [1, 3])
def test_reshading_comes_back_within_half_a_count_from_grey_or_colour(root, channels):
    fill_holes(root)
    brightness = np.random.default_rng(1).random(SIZE)
    grey = np.rint(255 * brightness).astype(np.uint8)
    save(file_of(root, 'reshading'), grey if channels == 1 else np.repeat(grey[..., None], 3, axis=-1))
    target, valid = target_of(root, 'reshading')
    assert valid.all()
    np.testing.assert_allclose(target[..., 0], brightness, atol=0.5 / 255 + 1e-6)


@pytest.mark.parametrize('name', ['edge_occlusion', 'edge_texture', 'keypoints2d', 'keypoints3d'])
def test_edges_and_keypoints_keep_their_counts_above_the_range_of_signed_16_bits(root, name):
    fill_holes(root)
    counts = np.random.default_rng(1).integers(0, 65536, SIZE).astype(np.uint16)
    counts[0, :3] = 0, 40000, 65535
    save(file_of(root, DOMAINS[name]), counts)
    target, valid = target_of(root, name)
    assert valid.all() and target.dtype == np.float32
    np.testing.assert_array_equal(target[..., 0], counts)


def test_an_image_is_rgb_from_0_to_1(shared_root):
    bgr = cv2.imread(str(file_of(shared_root, 'rgb')))
    np.testing.assert_allclose(taskonomy(shared_root)[0]['image'], bgr[..., ::-1] / 255, atol=1e-7)


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


@pytest.mark.parametrize('shape', SHAPES)
def test_every_shape_on_disk_gives_the_same_samples(tmp_path, shape, shared_root):
    domains = ('rgb', 'depth_zbuffer', 'segment_semantic')
    tasks = only('segmentation', 'depth')
    write_taskonomy(tmp_path / 'some', shape, domains=domains)
    write_taskonomy(tmp_path / 'reference', 'omnidata', domains=domains)
    dataset, reference = taskonomy(tmp_path / 'some', tasks=tasks), taskonomy(tmp_path / 'reference', tasks=tasks)
    assert dataset.samples == reference.samples and len(dataset) == 8
    for name in tasks:
        np.testing.assert_array_equal(dataset[5]['targets'][name], reference[5]['targets'][name])


def test_views_are_ordered_by_building_then_by_number_not_by_name(tmp_path):
    write_taskonomy(tmp_path, points=11, views=(2, 10), domains=('rgb', 'edge_texture'), size=(2, 2))
    samples = taskonomy(tmp_path, tasks=only('edge_texture')).samples
    assert [str(view) for view in samples[:3]] == [
        'allensville/point_0_view_2', 'allensville/point_0_view_10', 'allensville/point_1_view_2']
    assert str(samples[21]) == 'allensville/point_10_view_10' and samples[22].building == 'merom'


def test_splits_are_disjoint_in_their_buildings(shared_root):
    for split, names in BUILDINGS.items():
        assert sorted({view.building for view in taskonomy(shared_root, split).samples}) == names


def test_tiny_trains_on_all_buildings_but_those_of_its_validation_and_test_sets(shared_root):
    assert {view.building for view in taskonomy(shared_root, buildings='tiny').samples} == {'allensville', 'merom'}
    assert {view.building for view in taskonomy(shared_root, 'val', buildings='tiny').samples} == {'darden'}
    found = ['allensville', 'darden', 'ihlen', 'mcdade', 'wiconisco']
    assert split_buildings('tiny', 'test', found) == ['ihlen', 'mcdade']
    assert len({*TINY['val'], *TINY['test']}) == 10


@pytest.mark.parametrize('newline', ['\n', '\r\n', '\r'])
def test_buildings_may_come_from_a_file_of_the_official_splits(shared_root, tmp_path, newline):
    rows = ['id,train,val,test', 'allensville,1,0,0', 'merom,0,0,1', 'darden,0,1,0', 'elsewhere,1,0,0']
    (tmp_path / 'splits.csv').write_bytes(newline.join(rows).encode())
    for split, name in dict(train='allensville', val='darden', test='merom').items():
        dataset = taskonomy(shared_root, split, buildings=str(tmp_path / 'splits.csv'))
        assert {view.building for view in dataset.samples} == {name}


def test_the_numbers_of_the_views_may_split_them_instead(shared_root):
    options = dict(buildings=dict(train=['merom'], val=['merom']), views=dict(train=[1], val=[4]))
    for split, number in (('train', 1), ('val', 4)):
        samples = taskonomy(shared_root, split, **options).samples
        assert len(samples) == 2 and {(view.building, view.view) for view in samples} == {('merom', number)}


def test_skipped_views_are_left_out_from_a_list_or_a_file(shared_root, tmp_path):
    names = ['allensville/point_0_view_1', 'merom/point_1_view_4']
    (tmp_path / 'skip.txt').write_text('\n'.join(names))
    expected = [str(view) for view in taskonomy(shared_root).samples if str(view) not in names]
    assert len(expected) == 6
    for skip in (names, str(tmp_path / 'skip.txt')):
        assert [str(view) for view in taskonomy(shared_root, skip=skip).samples] == expected


def test_the_views_known_to_be_broken_are_skipped(tmp_path):
    write_taskonomy(tmp_path, buildings=['muleshoe'], points=1, views=(5, 6), domains=('rgb', 'edge_texture'))
    for domain in ('rgb', 'edge_texture'):
        path = file_of(tmp_path, domain, 'muleshoe', 0, 5)
        path.rename(file_of(tmp_path, domain, 'muleshoe', 399, 5))
    dataset = taskonomy(tmp_path, 'test', only('edge_texture'), buildings='tiny')
    assert [str(view) for view in dataset.samples] == ['muleshoe/point_0_view_6']


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


def test_the_values_1_to_17_are_background_and_16_objects_and_0_is_unlabelled():
    assert class_of_value(CLASSES)[:18].tolist() == [-1, *range(17)]
    assert (CLASSES[0], CLASSES[1], CLASSES[7], CLASSES[16]) == ('background', 'bottle', 'toilet', 'vase')


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


def test_a_missing_data_root_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere' is not a folder, expected .*in a config as data_root"):
        taskonomy(tmp_path / 'nowhere')


def test_a_folder_of_no_known_shape_says_what_was_expected(tmp_path):
    save(tmp_path / 'images/allensville/0.png', np.zeros((*SIZE, 3), np.uint8))
    with pytest.raises(DataError, match=r'holds no images of Taskonomy, expected rgb/taskonomy/BUILDING/point_0_view_0_'
                                        r'domain_rgb\.png or BUILDING_rgb/rgb/'):
        taskonomy(tmp_path)


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


def test_a_split_file_without_the_columns_is_refused(shared_root, tmp_path):
    (tmp_path / 'splits.csv').write_text('building,split\nmerom,train\n')
    with pytest.raises(DataError, match=r"splits\.csv' have the columns building, split, expected id, train"):
        taskonomy(shared_root, buildings=str(tmp_path / 'splits.csv'))


def with_value(value):
    def change(picture):
        picture = picture.copy()
        picture[2, 3] = value
        return picture
    return change


BAD_PICTURES = [
    ('depth', lambda depth: (depth // 256).astype(np.uint8), 'uint8 values .*expected one channel of uint16'),
    ('depth', lambda depth: np.repeat(depth[..., None], 3, -1), r'shape \(12, 16, 3\), expected one channel'),
    ('depth', lambda depth: depth[:, 1:], r'shape \(12, 15, 1\), expected \(12, 16, 1\) .*at the same size'),
    ('euclidean_distance', lambda depth: depth.astype(np.uint8), 'expected one channel of uint16'),
    ('euclidean_distance', lambda depth: depth[1:], r'shape \(11, 16\), expected \(12, 16\) as .*holds its mask'),
    ('normal', lambda normal: normal.astype(np.uint16) * 257, 'uint16 values .*expected three channels of uint8'),
    ('normal', lambda normal: normal[..., 0], r'shape \(12, 16\), expected three channels'),
    ('normal', lambda normal: 255 - normal, '100% of the normals pointing away .*x to the left, y up and z toward'),
    ('edge_occlusion', lambda edge: edge.astype(np.uint8), 'expected one channel of uint16'),
    ('keypoints2d', lambda points: points.astype(np.uint8), 'expected one channel of uint16'),
    ('edge_texture', lambda edge: edge[1:, 1:], r'shape \(11, 15, 1\), expected \(12, 16, 1\)'),
    ('reshading', lambda grey: grey.astype(np.uint16), 'expected one channel or three channels of uint8'),
    ('principal_curvature', lambda curvature: curvature[..., 0], 'expected three channels of uint8'),
    ('segmentation', with_value(18), 'found the value 18, expected 0 to 17'),
    ('segmentation', with_value(255), 'found the value 255, expected 0 to 17'),
    ('segmentation', lambda label: np.repeat(label[..., None], 3, -1), 'expected one channel of uint8')]


def assert_refused(root, name, path, message):
    dataset = taskonomy(root, tasks=only(name))
    with pytest.raises(DataError, match=message) as caught:
        dataset[0]
    assert str(path) in str(caught.value) and '\n' not in str(caught.value)
    dataset[1]


@pytest.mark.parametrize(('name', 'change', 'message'), BAD_PICTURES)
def test_a_bad_picture_is_refused_by_the_name_of_its_file(root, name, change, message):
    path = file_of(root, DOMAINS[name])
    save(path, np.ascontiguousarray(change(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))))
    assert_refused(root, name, path, message)


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


@given(hnp.arrays(np.uint8, (3, 4, 3), elements=st.integers(0, 255)))
def test_decoded_normals_are_unit_vectors_or_zero(picture):
    lengths = np.linalg.norm(decode_normals(picture), axis=-1)
    assert (np.isclose(lengths, 1, atol=1e-5) | (lengths == 0)).all()


def test_a_floor_seen_edge_on_does_not_point_away():
    floor = decode_normals(np.full((*SIZE, 3), (127, 255, 127), np.uint8))
    assert (floor[..., 2] > 0).all()  # by rounding
    check_facing(floor, np.ones(SIZE, bool))
