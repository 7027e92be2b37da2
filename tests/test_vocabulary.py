"""The words of the field, and names that cannot be taken for each other, in everything that people read."""
import ast
import itertools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'lhl'

#: What was found here once, as a pattern, and what the field says. A blank stands for any break of a line or a string.
BANNED = {
    r'(leave|leaves|left|leaving) (it |them |both )?away': 'remove it, without',
    r'(stand|stands|stood|standing) still': 'is frozen, stays as it is',
    r'frozen for good|for good': 'permanently',
    r'cannot be had': 'cannot be loaded, cannot be downloaded',
    r'made anew|makes? (it|them|\w+ and \w+) anew': 'reinitialised',
    r"'fresh'": "'reinit'",
    r'(is|are|was|were) to (?!(?:the|an?|its|their|that|one|what|\d)\b)[a-z]+': 'is configured to, should',
    r'donors?|Donor|read_donor': 'source run, the run to extend, the run to reuse',
    r'all that the teacher says': "the teacher's soft targets",
    r'(can|could|must|to) mend|mend (it|this)': 'user-fixable; fix it',
    r'there (is|was) none': 'missing, unlabelled, without',
    r'train_heads': 'set_trainable_heads',
    r'SeveralDataSetsValLoop': 'MultiDatasetValLoop',
    r'(go|goes|going|went) on': 'continue, resume',
    r'from \d+ on': 'of at least, or more',
    r'(share|shares|shared) (the images |the chunks |them )?out': 'divide among',
    r'what came out': 'the results',
    r'(count|counts|matter) alike': 'equally',
    r'edges_of': 'edge_source',
    r'_look_for_twins': 'find_duplicates',
}
#: Where old names of options must stay: people have them in their configs and runs.
ALLOWED = dict.fromkeys(["'fresh'", 'edges_of'], ['lhl/engine/plan/renamed.py', 'CHANGELOG.md'])

#: Names of published methods and networks, whose letters are not ours to choose.
PUBLISHED = {'lwf', 'lwp', 'lenet', 'senet', 'regnet', 'resnet', 'resnext'}


def texts():
    """Everything that is written for people, but this table."""
    for folder in ('lhl', 'tools', 'configs', 'docs'):
        yield from (path for path in sorted((ROOT / folder).rglob('*'))
                    if path.suffix in ('.py', '.md', '.sh', '.toml') and '__pycache__' not in path.parts)
    yield from sorted(ROOT.glob('*.md'))


def offences(pattern, text):
    """The lines where a pattern begins, which may go on in the next line, comment or part of a string."""
    blank = r'''(?:[\s#]|['"]\s*f?['"])+'''
    spread = re.compile(r'(?<!\w)(?:' + pattern.replace(' ', blank) + r')(?!\w)')
    return [text.count('\n', 0, match.start()) + 1 for match in spread.finditer(text)]


@pytest.mark.parametrize('pattern', BANNED)
def test_the_words_of_the_field(pattern):
    found = [f'{name}:{line}' for path in texts() for name in [path.relative_to(ROOT).as_posix()]
             if name not in ALLOWED.get(pattern, ()) for line in offences(pattern, path.read_text())]
    assert not found, f'{", ".join(found)}: the field says: {BANNED[pattern]}'


@pytest.mark.parametrize('pattern, text', [
    (r'(leave|leaves|left|leaving) (it |them |both )?away', "raise E('x; leave it '\n        f'away')"),
    (r'(stand|stands|stood|standing) still', '# statistics stand\n    # still'),
    (r'(is|are) to [a-z]+', 'what is to\n    be done')])
def test_phrases_are_found_across_lines_and_parts_of_strings(pattern, text):
    assert offences(pattern, text) == [1]


def test_what_is_next_to_a_banned_word_is_free():
    assert not offences(r"donors?", 'donorship') and not offences(r'for good', 'for goodness')


def modules():
    """The name of each file; a package may be the plural of a file in it."""
    return sorted({path.stem for path in PACKAGE.rglob('*.py')})


def differ_by_one_letter(first, second):
    """Whether one letter is changed, added or left out."""
    if len(first) == len(second):
        return sum(a != b for a, b in zip(first, second, strict=True)) == 1
    shorter, longer = sorted((first, second), key=len)
    return any(longer[:i] + longer[i + 1:] == shorter for i in range(len(longer)))


def test_no_two_modules_differ_by_one_letter():
    pairs = [(first, second) for first, second in itertools.combinations(modules(), 2)
             if differ_by_one_letter(first, second) and not {first, second} <= PUBLISHED]
    assert not pairs


def exported(path):
    """The names that a package's file binds, but for its modules that it imports as such."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


def test_no_module_has_the_name_of_something_its_package_exports():
    found = [f'{init.relative_to(ROOT)}: {name}' for init in sorted(PACKAGE.rglob('__init__.py'))
             for name in exported(init)
             if (init.parent / f'{name}.py').exists() or (init.parent / name / '__init__.py').exists()]
    assert not found
