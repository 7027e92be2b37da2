"""Data sets as they are published, tiny."""
import shutil

import pytest

from ..taskonomy_files import write_taskonomy
from .official_cityscapes import write_official
from .raw_nyuv2 import write_raw


@pytest.fixture
def official(tmp_path):
    return write_official(tmp_path / 'official')


@pytest.fixture(scope='module')
def shared_raw(tmp_path_factory):
    return write_raw(tmp_path_factory.mktemp('raw'))


@pytest.fixture
def raw(shared_raw, tmp_path):
    """Links to the files, which a test may replace."""
    (tmp_path / 'raw').mkdir()
    for path in shared_raw.iterdir():
        (tmp_path / 'raw' / path.name).symlink_to(path)
    return tmp_path / 'raw'


@pytest.fixture(scope='module')
def shared_release(tmp_path_factory):
    """Square views that no test changes."""
    return write_taskonomy(tmp_path_factory.mktemp('release'), size=(12, 12), views=(1, ))


@pytest.fixture
def release(shared_release, tmp_path):
    return shutil.copytree(shared_release, tmp_path / 'release')
