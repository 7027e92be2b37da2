"""Tiny data sets of random content, written for every test that asks for one."""
import pytest
from hypothesis import settings

from lhl.datasets import TinyImageNet

from .cityscapes_files import write_cityscapes
from .folder_files import write_folder
from .image_archives import PER_CLASS, WNIDS
from .nyud_files import write_nyud
from .nyuv2_files import write_nyuv2

settings.register_profile('untimed', deadline=None)  # the first example of a test also pays for what torch loads lazily
settings.load_profile('untimed')


@pytest.fixture
def nyuv2_root(tmp_path):
    return write_nyuv2(tmp_path / 'nyuv2')


@pytest.fixture
def nyud_root(tmp_path):
    return write_nyud(tmp_path / 'NYUD_MT')


@pytest.fixture
def cityscapes_root(tmp_path):
    return write_cityscapes(tmp_path / 'cityscapes')


@pytest.fixture
def folder_root(tmp_path):
    """A folder of images for ``FolderDataset``."""
    return write_folder(tmp_path / 'mine')


@pytest.fixture
def small_tiny_imagenet(monkeypatch):
    """Three classes of a few images instead of 200 of 500 and 50."""
    monkeypatch.setattr(TinyImageNet, 'NUM_CLASSES', len(WNIDS))
    monkeypatch.setattr(TinyImageNet, 'IMAGES_PER_CLASS', PER_CLASS)
