"""A misspelt name is answered with what is close to it."""
import pickle

import pytest

from lhl.errors import CheckpointError, ConfigError, DataError, LHLError, NotReusableError, Problems, RunError, suggest


@pytest.mark.parametrize('error', [CheckpointError, ConfigError, DataError, NotReusableError, RunError])
def test_every_error_is_one_that_the_command_line_prints_without_a_trace(error):
    assert issubclass(error, LHLError)


@pytest.mark.parametrize('name, answer', [
    ('dept', "did you mean 'depth'?"),
    ('DEPTH', "did you mean 'depth'?"),
    ('normals', "did you mean 'Normal'?"),
    ('segmentatoin', "did you mean 'segmentation'?"),
    ('xyz', 'known: Normal, depth, edges, segmentation'),
])
def test_close_names_are_suggested_whatever_their_case_and_otherwise_all_are_listed(name, answer):
    assert suggest(name, ('segmentation', 'depth', 'Normal', 'edges')) == answer


def test_at_most_three_names_are_suggested_the_closest_first():
    assert suggest('task12', ['task1', 'task2', 'task122', 'task123']) == \
        "did you mean 'task123' or 'task122' or 'task2'?"


def test_names_are_close_from_a_similarity_of_three_fifths():
    # Of 2 x 5 letters 2 x 3 match: 0.6; of 2 x 5 letters 2 x 2: 0.4.
    assert suggest('abcxy', ['abcde']) == "did you mean 'abcde'?"
    assert suggest('abvxy', ['abcde']) == 'known: abcde'


# ---- several problems ------------------------------------------------------------------------------------------------

def test_one_problem_is_the_message_and_several_are_numbered_lines():
    assert (str(ConfigError('a; b')), ConfigError('a; b').problems) == ('a; b', ('a; b', ))
    assert (str(ConfigError('a', 'b')), ConfigError('a', 'b').problems) == (
        'found 2 problems:\n1. a\n2. b', ('a', 'b'))


def test_an_error_keeps_its_problems_on_the_way_to_another_process():
    assert pickle.loads(pickle.dumps(ConfigError('a', 'b'))).problems == ('a', 'b')


def test_problems_are_collected_in_order_each_once_with_the_part_that_they_are_of():
    problems = Problems()
    problems.raise_all()
    assert problems.add('x', 'y', at='model') is False and problems.add(at='method') is True
    with problems.collected(at='tasks'):
        raise ConfigError('y', 'z')
    assert problems.sound('method', 'phases') and not problems.sound('method', 'tasks') and not problems.sound('model')
    with pytest.raises(ConfigError) as caught:
        problems.raise_all()
    assert caught.value.problems == ('x', 'y', 'z')


def test_other_errors_are_not_collected():
    with pytest.raises(RunError), Problems().collected():
        raise RunError('a')
