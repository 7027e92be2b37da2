"""The small bugs that are made for measuring tests: which there are, and that each is one."""
import ast

import pytest
from test_engine.tiny_stream import ROOT


@pytest.fixture
def bugs(mutation):
    """Give the rules and replacements of all mutants of a source."""
    def find(source):
        return {(mutant.rule, mutant.becomes) for mutant in mutation.find_mutants('a.py', source.encode())}
    return find


def test_a_comparison_moves_its_border_and_turns_round(bugs):
    assert bugs('x = a < b') == {('comparison', '(a <= b)'), ('comparison', '(a >= b)')}
    assert bugs('x = a is None') == {('comparison', '(a is not None)')}
    assert bugs('x = a in b') == {('comparison', '(a not in b)')}


def test_each_comparison_of_a_chain_is_changed_alone(bugs):
    assert bugs('x = a == b != c') == {('comparison', '(a != b != c)'), ('comparison', '(a == b == c)')}


@pytest.mark.parametrize('number, others', [
    ('0', {'1'}), ('1', {'2', '0'}), ('7', {'8'}), ('0.0', {'1.0'}), ('0.5', {'1.0'}), ('1e-06', {'0.001'}),
    ('True', {'False'}), ("'text'", set()), ('None', set())])
def test_constants(bugs, number, others):
    assert bugs(f'x = {number}') == {('constant', other) for other in others}


@pytest.mark.parametrize('code, rule, becomes', [
    ('x = a + b', 'arithmetic', '(a - b)'),
    ('x = a // b', 'arithmetic', '(a / b)'),
    ('x = a and b', 'and/or', '(a or b)'),
    ('x = not a', 'dropped not', 'a'),
    ('x = -a', 'dropped sign', 'a'),
    ('x = a if b else c', 'swapped branches', '(c if b else a)'),
    ('x = min(a)', 'wrong function', 'max(a)'),
    ('x = a.argmax()', 'wrong function', 'a.argmin()'),
    ('x = f(a, b, c)', 'swapped arguments', 'f(b, a, c)'),
    ('x = f(a, k=b)', 'dropped keyword', 'f(a)'),
    ('x = a[b:]', 'slice', 'b + 1:'),
    ('x -= a', 'arithmetic', 'x += a'),
    ('f(a)', 'removed statement', 'pass'),
    ('a.b = c', 'removed statement', 'pass'),
    ('raise Error(a, 1)', 'removed statement', 'pass'),
    ('for a in b: continue', 'loop', 'break'),
])
def test_other_bugs(bugs, code, rule, becomes):
    assert (rule, becomes) in bugs(code)


@pytest.mark.parametrize('code', [
    '"""A docstring with 1 < 2."""', 'x: Literal[1]', 'def f(x: Literal[1]) -> Literal[2]: return x', '__version__ = 1',
    'print(a, 1)', 'logger.warning(a, 1)', 'x = "a" + b', 'x = f"{a + 1}"', 'import a', 'x = zip(a, b, strict=True)',
    'x = isinstance(a, b)'])
def test_what_cannot_change_a_result_is_left_as_it_is(bugs, code):
    assert not bugs(code)


def test_only_removal_changes_an_error(bugs):
    assert bugs('raise Error(a < b, 1)') == {('removed statement', 'pass')}


def test_places_are_right_behind_letters_of_several_bytes_and_on_later_lines(mutation):
    source = '# ä\nx = ("ü", a <\n     b)\n'.encode()
    mutant = mutation.find_mutants('a.py', source)[0]
    assert mutant.line == 2
    assert mutant.apply(source).decode() == '# ä\nx = ("ü", (a <= b))\n'


def test_precedence_is_that_of_the_replaced_expression(mutation):
    source = b'x = c / a ** b'
    power = next(mutant for mutant in mutation.find_mutants('a.py', source) if mutant.was == 'a ** b')
    assert power.apply(source) == b'x = c / (a * b)'


@pytest.mark.parametrize('file', ['lhl/losses/groups.py', 'lhl/datasets/folder.py', 'lhl/methods/der.py'])
def test_every_bug_of_a_real_file_is_another_program_that_parses(mutation, file):
    source = (ROOT / file).read_bytes()
    original = ast.dump(ast.parse(source))
    mutants = mutation.find_mutants(file, source)
    assert len(mutants) > 20 and len(set(mutants)) == len(mutants)
    assert all(ast.dump(ast.parse(mutant.apply(source))) != original for mutant in mutants)
