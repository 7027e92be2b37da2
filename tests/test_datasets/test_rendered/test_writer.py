"""Writing a data set is repeatable, resumable and never destructive."""
import json

import pytest

from lhl.datasets.rendered import write_dataset
from lhl.datasets.rendered.manifest import Manifest
from lhl.datasets.rendered.writer import _finished_samples, sample_seed
from lhl.errors import DataError
from lhl.synthetic.rooms import render

from .rendered_files import SIZE, digests


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


def test_sixteen_pixels_a_side_are_the_fewest(tmp_path):
    assert write_dataset(tmp_path / 'small', train=1, val=0, height=16, width=17, processes=1).complete
    with pytest.raises(DataError, match='the size is 16 x 15, but rooms need at least 16 pixels a side'):
        write_dataset(tmp_path / 'smaller', train=1, val=0, height=16, width=15, processes=1)
