"""The record of a data set, and what is kept away from."""
import json

import numpy as np
import pytest

from lhl.datasets.rendered import write_dataset
from lhl.errors import DataError
from lhl.synthetic.rooms import CLASSES

from .rendered_files import SIZE, digests


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
