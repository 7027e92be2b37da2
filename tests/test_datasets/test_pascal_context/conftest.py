"""A tiny PASCAL_MT, written for every test that asks for one."""
import pytest

from ..pascal_context_files import write_pascal


@pytest.fixture
def root(tmp_path):
    return write_pascal(tmp_path / 'PASCAL_MT')
