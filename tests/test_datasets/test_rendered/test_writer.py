"""The data set on disk: its layout, and that writing it is repeatable, resumable and never destructive."""

import hashlib
import json

import numpy as np
import pytest

from lhl.datasets.rendered import write_dataset
from lhl.datasets.rendered.disk_layouts.nyuv2 import sample_arrays
from lhl.datasets.rendered.manifest import Manifest
from lhl.datasets.rendered.writer import _finished_samples, sample_seed
from lhl.errors import DataError
from lhl.synthetic.rooms import CLASSES, render

SIZE = dict(height=18, width=24)


def digests(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob('*')) if path.is_file()}


@pytest.fixture(scope='module')
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp('reference') / 'rooms'
    write_dataset(folder, train=5, val=3, **SIZE, seed=3, processes=1)
    return folder


def test_files_lie_and_look_like_the_preprocessed_nyuv2(reference):
    layout = dict(image=(np.float32, (18, 24, 3)), label=(np.int8, (18, 24)), depth=(np.float32, (18, 24, 1)),
                  normal=(np.float32, (18, 24, 3)))
    for split, count in (('train', 5), ('val', 3)):
        assert {path.name for path in (reference / split).iterdir()} == set(layout)
        for kind, (dtype, shape) in layout.items():
            names = {path.name for path in (reference / split / kind).iterdir()}
            assert names == {f'{index}.npy' for index in range(count)}
            for name in names:
                array = np.load(reference / split / kind / name, allow_pickle=False)
                assert (array.dtype, array.shape) == (dtype, shape)
                assert np.isfinite(array).all()
                if kind == 'image':
                    assert 0 <= array.min() and array.max() <= 1


def test_holes_are_marked_as_in_real_data(reference):
    view = render(sample_seed(3, 'train', 0), **SIZE)
    label, depth, normal = (np.load(reference / 'train' / kind / '0.npy') for kind in ('label', 'depth', 'normal'))
    np.testing.assert_array_equal(label, np.where(view.labelled, view.label, -1))
    np.testing.assert_array_equal(depth[..., 0], np.where(view.measured, view.depth, 0))
    np.testing.assert_array_equal(normal, np.where(view.measured[..., None], view.normal, 0))
    assert (label == -1).any()


def test_depth_and_normals_are_unknown_at_the_same_pixels():
    holes = 0
    for seed in range(30):
        arrays = sample_arrays(render(seed, **SIZE), invalid_pixels=True)
        np.testing.assert_array_equal(arrays['depth'][..., 0] == 0, (arrays['normal'] == 0).all(-1))
        holes += (arrays['depth'] == 0).sum()
    assert holes > 0


def test_every_pixel_is_valid_on_request(tmp_path):
    write_dataset(tmp_path, train=3, val=0, **SIZE, processes=1, invalid_pixels=False)
    for index in range(3):
        assert np.load(tmp_path / 'train' / 'label' / f'{index}.npy').min() >= 0
        assert np.load(tmp_path / 'train' / 'depth' / f'{index}.npy').min() > 0


def test_two_processes_write_the_same_bytes_as_one(reference, tmp_path):
    write_dataset(tmp_path / 'rooms', train=5, val=3, **SIZE, seed=3, processes=2)
    assert digests(tmp_path / 'rooms') == digests(reference)


def test_smaller_data_set_is_a_prefix_and_can_be_extended(reference, tmp_path):
    write_dataset(tmp_path, train=2, val=1, **SIZE, seed=3, processes=1)
    small, large = digests(tmp_path), digests(reference)
    assert all(large[name] == digest for name, digest in small.items() if name.endswith('.npy'))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*.npy')}
    write_dataset(tmp_path, train=5, val=3, **SIZE, seed=3, processes=1)
    assert digests(tmp_path) == large
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_train_and_val_share_no_scene(reference):
    images = [digest for name, digest in digests(reference).items() if '/image/' in name]
    assert len(set(images)) == 8
    states = {tuple(sample_seed(3, split, index).generate_state(4))
              for split in ('train', 'val') for index in range(1000)}
    assert len(states) == 2000


def test_interrupted_writing_is_completed_to_the_same_bytes(reference, tmp_path):
    write_dataset(tmp_path, train=5, val=3, **SIZE, seed=3, processes=1)
    for name in ('train/label/1.npy', 'train/image/1.npy', 'train/normal/4.npy', 'val/depth/0.npy'):
        (tmp_path / name).unlink()
    (tmp_path / 'train/label/1.npy.tmp').write_bytes(b'half a file')
    kept = (tmp_path / 'train/depth/1.npy').stat().st_mtime_ns
    write_dataset(tmp_path, train=5, val=3, **SIZE, seed=3, processes=1)
    assert digests(tmp_path) == digests(reference)
    assert (tmp_path / 'train/depth/1.npy').stat().st_mtime_ns == kept


def test_data_set_interrupted_by_an_error_says_it_is_incomplete_and_goes_on(reference, tmp_path, monkeypatch):
    def fail_at_two(seed, height, width):
        if seed.spawn_key == (0, 2):
            raise KeyboardInterrupt
        return render(seed, height, width)

    monkeypatch.setattr('lhl.datasets.rendered.disk_layouts.base.render', fail_at_two)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path, train=5, val=3, **SIZE, seed=3, processes=1)
    monkeypatch.undo()
    assert json.loads((tmp_path / 'synth_rooms.json').read_text())['complete'] is False
    write_dataset(tmp_path, train=1, val=1, **SIZE, seed=3, processes=1)  # the first promise counts
    assert digests(tmp_path) == digests(reference)


def test_stopping_early_drops_what_is_still_queued(tmp_path):
    for kind in ('image', 'label', 'depth', 'normal'):
        (tmp_path / 'train' / kind).mkdir(parents=True)
    manifest = Manifest(0, 18, 24, True, {'train': 300, 'val': 0}, False, {})
    samples = _finished_samples(tmp_path, manifest, [('train', index) for index in range(300)], processes=2)
    next(samples)
    samples.close()
    assert 1 <= len(list((tmp_path / 'train' / 'image').iterdir())) < 150


def test_asking_for_fewer_changes_nothing_and_says_so(reference):
    before = digests(reference)
    manifest = write_dataset(reference, train=1, val=1, **SIZE, seed=3, processes=1)
    assert manifest.amount == '5 train and 3 val images'
    assert digests(reference) == before


def test_record_holds_seed_size_counts_and_class_shares(reference):
    record = json.loads((reference / 'synth_rooms.json').read_text())
    assert (record['seed'], record['height'], record['width']) == (3, 18, 24)
    assert record['counts'] == {'train': 5, 'val': 3}
    assert record['complete'] is True
    labels = np.stack([np.load(reference / 'train' / 'label' / f'{index}.npy') for index in range(5)])
    shares = record['class_shares']['train']
    assert list(shares) == ['unlabelled', *CLASSES]
    assert shares['wall'] == pytest.approx((labels == CLASSES.index('wall')).mean(), abs=1e-6)
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(('changed', 'found'), [(dict(seed=4), 'seed 3'), (dict(width=32), '18 x 24 pixels'),
                                                (dict(invalid_pixels=False), 'with invalid pixels'),
                                                (dict(layout='taskonomy'), 'layout nyuv2')])
def test_another_kind_of_data_set_is_refused_and_left_alone(reference, changed, found):
    before = digests(reference)
    with pytest.raises(DataError, match=f'{found}.*was asked for; name another folder'):
        write_dataset(reference, **{**SIZE, **dict(train=9, val=3, seed=3, processes=1), **changed})
    assert digests(reference) == before


@pytest.mark.parametrize('content', [{'holiday.jpg': 'x'}, {'synth_rooms.json': '{}'}, {'synth_rooms.json': 'x'},
                                     {'synth_rooms.json': '{"format": "SynthRooms", "seed": 0}'}])
def test_foreign_folder_is_refused_and_left_alone(tmp_path, content):
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    before = digests(tmp_path)
    with pytest.raises(DataError, match='name a new or empty folder'):
        write_dataset(tmp_path, train=2, val=0, **SIZE, processes=1)
    assert digests(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == set(content)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / 'rooms').write_text('x')
    with pytest.raises(DataError, match='is a file'):
        write_dataset(tmp_path / 'rooms', train=2, val=0, **SIZE, processes=1)


def test_damaged_file_is_named_and_not_overwritten(tmp_path):
    write_dataset(tmp_path, train=2, val=0, **SIZE, processes=1)
    damaged = tmp_path / 'train' / 'depth' / '1.npy'
    damaged.write_bytes(b'short')
    with pytest.raises(DataError, match=r'depth/1\.npy has 5 bytes instead of .* delete it'):
        write_dataset(tmp_path, train=2, val=0, **SIZE, processes=1)
    assert damaged.read_bytes() == b'short'


@pytest.mark.parametrize(('wrong', 'said'), [
    (dict(height=15), '15 x 24'),
    (dict(width=0), '18 x 0'),
    (dict(train=-1), 'train is -1'),
    (dict(val=-2), 'val is -2'),
    (dict(seed=-1), 'seed is -1'),
    (dict(processes=0), 'processes is 0'),
    (dict(train=0, val=0), 'both 0'),
    (dict(layout='nyu'), "layout 'nyu' is unknown"),
])
def test_impossible_arguments_are_refused_before_anything_is_written(tmp_path, wrong, said):
    with pytest.raises(DataError, match=said):
        write_dataset(tmp_path / 'rooms', **{**SIZE, **dict(train=2, val=1, processes=1), **wrong})
    assert not (tmp_path / 'rooms').exists()
