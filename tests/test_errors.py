"""A misspelt name is answered with what is close to it."""
import pytest

from lhl.errors import CheckpointError, ConfigError, DataError, LHLError, RunError, suggest


@pytest.mark.parametrize('error', [CheckpointError, ConfigError, DataError, RunError])
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
