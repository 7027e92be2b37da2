"""The command that makes bugs: on a small project whose tests miss two bugs, both known."""
import json
import tomllib

import pytest
from test_engine.tiny_stream import listing

SOURCE = '''\
"""Ages."""


def is_adult(age: int) -> bool:
    return age >= 18


def wait_for(guests: list[str]) -> None:
    while not guests:
        pass
'''
TESTS = '''\
from pathlib import Path

import toy.ages
from toy.ages import is_adult, wait_for


def test_the_copy_is_tested():
    assert Path(toy.ages.__file__).is_relative_to(Path.cwd())


def test_adults():
    assert is_adult(30) and not is_adult(16)


def test_guests():
    wait_for(['one'])
'''


@pytest.fixture
def project(tmp_path):
    """A package of one file, ``toy/ages.py``, with its tests."""
    root = tmp_path / 'project'
    for name, text in {'toy/__init__.py': '', 'toy/ages.py': SOURCE, 'tests/test_ages.py': TESTS}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def stamps(folder):
    """When each file was last written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob('*')}


@pytest.mark.slow
def test_bugs_that_no_test_notices_are_named_and_the_files_stay_as_they_are(
        mutation, project, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(mutation, 'ROOT', project)
    monkeypatch.setattr(mutation, 'GRACE_SECONDS', 2)
    before = listing(project), stamps(project)
    mutation.main(['--modules', 'toy', '--count', '100', '--seed', '5', '--out', str(tmp_path / 'out')])
    assert (listing(project), stamps(project)) == before

    record = json.loads((tmp_path / 'out/mutation.json').read_text())
    assert record['seed'] == 5
    assert {(outcome['line'], outcome['was'], outcome['becomes'], outcome['verdict'])
            for outcome in record['outcomes']} == {
        (5, 'age >= 18', '(age < 18)', 'killed'),
        (5, 'age >= 18', '(age > 18)', 'survived'),
        (5, '18', '19', 'survived'),
        (9, 'not guests', 'guests', 'timeout')}
    table = (tmp_path / 'out/mutation.md').read_text()
    assert '| toy | 4 | 2 | 50% |' in table  # what does not end is killed
    assert '- toy/ages.py:5, constant: `18` -> `19`' in table
    assert '4/4' in (printed := capsys.readouterr().out) and table in printed


def test_tests_that_fail_without_a_bug_measure_nothing(mutation, project, capsys):
    (project / 'tests/test_ages.py').write_text('def test_it():\n    assert False\n')
    assert mutation.run(project, ['toy'], count=1, seed=0, jobs=1) == []
    assert 'tests/test_ages.py fails without any bug' in capsys.readouterr().out


def test_a_module_that_does_not_exist_is_refused(mutation, project):
    with pytest.raises(SystemExit, match='toy/nothing does not exist'):
        mutation.all_mutants(project, ['toy/nothing'])


def test_listed_equivalents_are_left_out_and_may_not_be_stale(mutation, project):
    listed = project / mutation.EQUIVALENTS
    listed.parent.mkdir()
    entry = ("[[equivalent]]\nfile = 'toy/ages.py'\nline = 'return age >= 18'\nwas = {!r}\nbecomes = {!r}\n"
             "reason = 'a test'\n")
    everything = mutation.all_mutants(project, ['toy'])
    listed.write_text(entry.format('age >= 18', '(age > 18)'))
    assert {mutant.becomes for mutant in everything} - {'(age > 18)'} == \
        {mutant.becomes for mutant in mutation.all_mutants(project, ['toy'])}
    listed.write_text(entry.format('age >= 18', '(age == 18)'))
    with pytest.raises(SystemExit, match='no such mutant'):
        mutation.all_mutants(project, ['toy'])


def test_the_listed_equivalents_of_this_project_are_not_stale(mutation):
    listed = tomllib.loads((mutation.ROOT / mutation.EQUIVALENTS).read_text())['equivalent']
    assert all(entry['reason'] for entry in listed)
    mutation.all_mutants(mutation.ROOT, {entry['file'] for entry in listed})


def test_a_seed_chooses_the_same_mutants_and_rooms_and_kinds_take_turns(mutation):
    mutants = [mutation.Mutant(f'lhl/{room}/a.py', line, 'a', rule, 'a', 'b', line, line)
               for room in ('apis', 'tasks') for rule in ('constant', 'slice') for line in range(20)]
    chosen = mutation.sample(mutants, 8, seed=3)
    assert chosen == mutation.sample(mutants, 8, seed=3) != mutation.sample(mutants, 8, seed=4)
    kinds = [(mutant.file, mutant.rule) for mutant in chosen]
    assert all(kinds.count(kind) == 2 for kind in kinds)
    assert mutation.sample(mutants, 1000, seed=0) != mutants and len(mutation.sample(mutants, 1000, seed=0)) == 80


@pytest.mark.parametrize('file, tests', [
    ('lhl/losses/pod.py', 'tests/test_losses/test_pod.py'),
    ('lhl/losses/new.py', 'tests/test_losses'),
    ('lhl/losses/__init__.py', 'tests/test_losses'),
    ('lhl/apis/check/findings.py', 'tests/test_apis/test_check.py'),
    ('lhl/atomic.py', 'tests'),
])
def test_tests_that_mirror_a_file(mutation, tmp_path, file, tests):
    for name in ('test_losses/test_pod.py', 'test_apis/test_check.py'):
        (tmp_path / 'tests' / name).parent.mkdir(parents=True)
        (tmp_path / 'tests' / name).touch()
    assert mutation.tests_of(file, tmp_path) == tests
