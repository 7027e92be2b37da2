"""Small data sets of rendered scenes, written once."""

import pytest

from lhl.datasets.rendered import write_dataset

from .rendered_files import SIZE


@pytest.fixture(scope='module')
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp('reference') / 'rooms'
    write_dataset(folder, train=5, val=3, **SIZE, seed=3, processes=1)
    return folder
