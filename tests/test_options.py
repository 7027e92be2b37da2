"""What an annotation allows, by values that were sorted by hand; and every way of writing a config is read alike."""
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import ConfigDict
from torch import Tensor

from lhl.options import (
    Count,
    CountFrom0,
    Fraction,
    NotNegative,
    Positive,
    describe,
    fits,
    kind_of_default,
    value_problems,
)


class Part(TypedDict):
    index: NotRequired[CountFrom0]
    count: NotRequired[Count]
NUMBERS = [math.nan, math.inf, -math.inf, -1, -0.5, 0, 0.0, 0.5, 1, 1.0, 2, 2.5, True, '1', None, [1], {'a': 1}]


@pytest.mark.parametrize('kind, allowed', [
    (float, [-1, -0.5, 0, 0.0, 0.5, 1, 1.0, 2, 2.5]),
    (int, [-1, 0, 1, 2]),
    (bool, [True]),
    (str, ['1']),
    (NotNegative, [0, 0.0, 0.5, 1, 1.0, 2, 2.5]),
    (Positive, [0.5, 1, 1.0, 2, 2.5]),
    (Fraction, [0, 0.0, 0.5, 1, 1.0]),
    (Count, [1, 2]),
    (CountFrom0, [0, 1, 2]),
    (int | None, [-1, 0, 1, 2, None]),
    (Count | Sequence[Count], [1, 2, [1]]),
    (Sequence[str], []),
    (Mapping[str, float], [{'a': 1}]),
    (Mapping[str, str], []),
    (Literal['1', '2'], ['1']),
    (str | Path, ['1']),
    (Tensor | float, [-1, -0.5, 0, 0.0, 0.5, 1, 1.0, 2, 2.5]),
])
def test_a_type_and_its_range_allow_these_of_some_values_and_no_others(kind, allowed):
    assert [repr(value) for value in NUMBERS if fits(kind, value)] == [repr(value) for value in allowed]


@pytest.mark.parametrize('kind, words', [
    (float, 'a number'), (NotNegative, 'a number of at least 0'), (Positive, 'a number above 0'),
    (Fraction, 'a number from 0 to 1'), (Count | None, 'a whole number of at least 1 or None'),
    (Sequence[Count], 'a list of whole numbers of at least 1'), (bool, 'True or False'), (Mapping, 'a dictionary'),
    (tuple[Positive, Positive], 'a list of two numbers above 0'),
    (tuple[Count, ...], 'a list of whole numbers of at least 1'),
    (tuple[int, str | None], 'a list of a whole number, and text or None'), (list, 'a list'),
    (Tensor | float, 'a number'), (Tensor, 'dict(type=NAME, ...)'), (Literal['a', 'b'], "'a' or 'b'"),
])
def test_a_type_is_described_in_words(kind, words):
    assert describe(kind) == words


@pytest.mark.parametrize('kind, value, sentences', [
    (NotNegative, -1, ['here is -1, expected a number of at least 0; correct it']),
    (Literal['update', 'gradient'], 'updates', ["here is 'updates', which is unknown; did you mean 'update'?"]),
    (Part, dict(index=0, cuont=3), ["here has the unknown option 'cuont'; did you mean 'count'?"]),
    (Part, dict(index=-1, count=0), ['here.index is -1, expected a whole number of at least 0; correct it',
                                     'here.count is 0, expected a whole number of at least 1; correct it']),
    (Part, 3, ['here is 3, expected a dictionary; correct it']),
    (Part | None, None, []),
    (str, 7 * ['a long text'], [f'here is {repr(7 * ["a long text"])[:76]} ..., expected text; correct it']),
])
def test_a_value_that_does_not_fit_is_named_with_its_place_and_what_was_expected(kind, value, sentences):
    assert list(value_problems(kind, value, 'here')) == sentences


@pytest.mark.parametrize('default, wrong, right', [
    (3, 'x', 7), (0.5, 'x', 1), (True, 2, False), ('pytorch', 3, 'caffe'), ((1, 2), 'x', [3]), (None, ..., 'anything'),
    (dict(type='BN'), 'BN', dict(type='SyncBN'))])
def test_without_annotation_the_default_tells_the_type(default, wrong, right):
    assert fits(kind_of_default(default), right)
    assert wrong is ... or not fits(kind_of_default(default), wrong)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
                    max_leaves=5))
def test_any_value_fits_or_gives_one_sentence_and_mmengines_dictionaries_are_dictionaries(value):
    for kind in (float, Count, Fraction | None, bool, str, Sequence[Positive], Mapping[str, CountFrom0], Literal['a']):
        assert len(list(value_problems(kind, value, 'here'))) == (not fits(kind, value))
        if isinstance(value, dict):
            assert fits(kind, ConfigDict(value)) == fits(kind, value)
