"""The checks of ``make check`` find what they are for: each is shown one offence in a copy of the package."""
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='module')
def package(tmp_path_factory):
    """A copy of the package with the settings of the checks."""
    root = tmp_path_factory.mktemp('copy')
    shutil.copytree(ROOT / 'lhl', root / 'lhl', ignore=shutil.ignore_patterns('__pycache__'))
    shutil.copy(ROOT / 'pyproject.toml', root)
    return root


@pytest.fixture
def append(package):
    """Append a line to a file of the copy, for the time of a test; the file may be new."""
    changed = {}

    def to_file(name, line):
        path = package / name
        changed[path] = path.read_bytes() if path.exists() else None
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((changed[path] or b'') + line.encode() + b'\n')
    yield to_file
    for path, text in changed.items():
        path.unlink() if text is None else path.write_bytes(text)


@pytest.fixture
def check(package):
    """Run a check in the copy, and give its output if it finds something, else an empty text."""
    def run(*command):
        done = subprocess.run([sys.executable, *command], cwd=package, capture_output=True, text=True,
                              env={'PYTHONPATH': str(package)})
        return done.stdout + done.stderr if done.returncode else ''
    return run


IMPORTS = ('-c', "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))")


def test_the_imports_of_the_package_are_in_order(package, check):
    assert not check(*IMPORTS)


@pytest.mark.parametrize('file, line, contract', [
    ('lhl/losses/groups.py', 'import lhl.tasks', 'Imports point one way'),
    ('lhl/datasets/collate.py', 'import lhl.methods', 'Imports point one way'),
    ('lhl/evaluation/summary.py', 'def f():\n    from lhl.engine import train_stream', 'Imports point one way'),
    ('lhl/models/learner.py', 'import lhl.datasets', 'A network knows neither files nor figures'),
    ('lhl/synthetic/rooms/scene.py', 'import lhl.registry', 'The renderers know nothing of training'),
    ('lhl/engine/plan/heads.py', 'import lhl.engine.runtime.runner', 'The engine plans, finds sources, runs'),
    ('lhl/new_room/__init__.py', '', 'new_room'),
])
def test_an_import_that_climbs_and_a_room_without_a_place_are_found(append, check, file, line, contract):
    append(file, line)
    assert contract in check(*IMPORTS)


def test_a_function_that_nobody_uses_is_found(append, check):
    append('lhl/losses/groups.py', 'def left_behind(x): return x')
    assert "unused function 'left_behind'" in check('-m', 'vulture', 'lhl')


@pytest.mark.parametrize('line, rule', [('def public(x):\n    return x', 'D103'), ('import os', 'F401'),
                                        ('class lower:\n    """A class."""', 'N801')])
def test_undocumented_functions_and_bad_style_are_found(append, check, line, rule):
    append('lhl/losses/groups.py', line)
    assert rule in check('-m', 'ruff', 'check', '--no-cache', 'lhl/losses')


def test_a_wrong_type_is_found(append, check):
    append('lhl/errors.py', 'def f(x: int) -> str:\n    return x')
    assert 'got "int", expected "str"' in check('-m', 'mypy', '--cache-dir=/dev/null', 'lhl/errors.py')
