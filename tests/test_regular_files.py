import os

import pytest

from lhl.errors import RunError
from lhl.regular_files import MAX_TEXT_BYTES, check_regular_file, read_text_file


def test_a_file_and_a_link_to_it_are_regular(tmp_path):
    (tmp_path / 'a').write_bytes(b'abc')
    (tmp_path / 'link').symlink_to('a')
    assert check_regular_file(tmp_path / 'a', RunError) == check_regular_file(tmp_path / 'link', RunError) == 3
    assert read_text_file(tmp_path / 'link', RunError) == b'abc'


@pytest.mark.parametrize('make, kind', [
    (os.mkfifo, 'is a FIFO'), (os.mkdir, 'is a folder'), (lambda path: os.symlink('/dev/zero', path), 'is a device'),
    (lambda path: None, 'does not exist'), (lambda path: os.symlink(path, path), 'cannot be read')])
def test_anything_else_is_named_without_being_opened(make, kind, tmp_path):
    make(tmp_path / 'a')
    for check in (check_regular_file, read_text_file):
        with pytest.raises(RunError, match=kind):
            check(tmp_path / 'a', RunError)


def test_text_that_is_too_large_is_not_read(tmp_path):
    with open(tmp_path / 'a', 'wb') as file:
        file.truncate(MAX_TEXT_BYTES + 1)
    with pytest.raises(RunError, match='expected at most 67108864'):
        read_text_file(tmp_path / 'a', RunError)
