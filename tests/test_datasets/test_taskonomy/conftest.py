"""A tiny Taskonomy, and what is logged."""
import logging
import shutil

import pytest
from mmengine.logging import MMLogger

from ..taskonomy_files import write_taskonomy


@pytest.fixture(scope='package')
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
