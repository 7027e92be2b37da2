import sys

import pytest
from test_apis.test_own_data.pictures import write_rooms

from lhl.cli import main


@pytest.fixture
def new(monkeypatch, capfd, tmp_path):
    """Run the command in this process; its exit code, stdout and stderr."""
    monkeypatch.setattr('lhl.apis.dataset_check.check.draw_contact_sheet', lambda *arguments: None)
    monkeypatch.chdir(tmp_path)
    write_rooms(tmp_path / 'data', 12)

    def run(*arguments):
        monkeypatch.setattr(sys, 'argv', ['lhl', 'new', *arguments])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code
        return code, *capfd.readouterr()
    return run


def test_it_says_what_was_found_and_what_comes_next(new):
    code, out, _ = new('mine', '--images', 'data/images', '--target', 'depth=data/depth', 'masks=data/masks',
                       '--classes', 'masks=a,b,c')
    assert code == 0 and out.splitlines()[-1] == 'next: lhl train mine.py'
    assert 'depth: 12 files of 16-bit numbers: 1' in out and 'checked: 0 problems' in out


def test_what_is_wrong_with_a_file_is_said_with_the_status(new, tmp_path):
    (tmp_path / 'data/images/002.png').write_bytes(b'')
    code, out, _ = new('mine', '--images', 'data/images', '--target', 'depth=data/depth')
    assert code == 1 and 'problem: ' in out and '002.png' in out and 'lhl check-dataset mine.py' in out


def test_an_error_names_the_flag(new):
    code, _, err = new('mine', '--images', 'data/images', '--target', 'masks=data/masks', '--classes', 'masks=a,b')
    assert code == 1 and err == ('error: the masks of masks hold 3 values (0 to 2), but --classes names 2 (a, b); name '
                                 'one class for each value\n')
    code, _, err = new('mine', '--images', 'data/images', '--target', 'masks=data/masks', '--classes', 'masks=a,')
    assert code == 1 and err.startswith("error: --classes is 'masks=a,', expected TASK=A,B,C")
