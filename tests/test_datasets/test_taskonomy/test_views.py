
import numpy as np
import pytest

from lhl.datasets.taskonomy.views import TINY, split_buildings
from lhl.errors import DataError

from ..taskonomy_files import BUILDINGS, SHAPES, SIZE, file_of, only, save, taskonomy, write_taskonomy


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


def test_a_missing_data_root_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere' is not a folder, expected .*in a config as data_root"):
        taskonomy(tmp_path / 'nowhere')


def test_a_folder_of_no_known_shape_says_what_was_expected(tmp_path):
    save(tmp_path / 'images/allensville/0.png', np.zeros((*SIZE, 3), np.uint8))
    with pytest.raises(DataError, match=r'holds no images of Taskonomy, expected rgb/taskonomy/BUILDING/point_0_view_0_'
                                        r'domain_rgb\.png or BUILDING_rgb/rgb/'):
        taskonomy(tmp_path)


def test_a_split_file_without_the_columns_is_refused(shared_root, tmp_path):
    (tmp_path / 'splits.csv').write_text('building,split\nmerom,train\n')
    with pytest.raises(DataError, match=r"splits\.csv' have the columns building, split, expected id, train"):
        taskonomy(shared_root, buildings=str(tmp_path / 'splits.csv'))
