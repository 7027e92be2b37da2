"""Nothing heavy is imported at the top: pytest's controlling process, which runs no test, reads this file, too."""
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def no_logger_of_another_test():
    """The current one would write to where the output of that test was captured."""
    from mmengine.logging import MMLogger
    MMLogger._instance_dict.clear()


@pytest.fixture
def tool(monkeypatch, capfd):
    """Run a tool's file as ``__main__`` in this process; its exit code, stdout and stderr."""
    def run(name, *arguments):
        without_page = ['--no-page'] if name in ('train.py', 'extend.py') else []  # which takes seconds
        monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments), *without_page])
        monkeypatch.setenv('LOCAL_RANK', '0')  # set by the tools, too; so it is taken back after the test
        monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '1')
        capfd.readouterr()
        try:
            runpy.run_path(str(ROOT / 'tools' / name), run_name='__main__')
            code = 0
        except SystemExit as end:
            code = end.code
        return code, *capfd.readouterr()
    return run
