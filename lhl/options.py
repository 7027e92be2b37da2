"""What an option of a component may be: ranges that signatures declare, and whether a value is of an annotated type.

A signature such as ``def __init__(self, alpha: NotNegative, layers: Sequence[Count] = (1, ))`` is all that
:mod:`lhl.component_check` needs to refuse ``alpha=-1`` and ``layers=[0.5]`` before anything is built.
"""
import inspect
import math
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Required, Union

from .errors import suggest


class Range(NamedTuple):
    """The finite numbers that an option may be, declared as ``Annotated[float, Range(0, 1)]``.

    Args:
        least: The smallest.
        most: The largest.
        is_open: Whether ``least`` itself is too small.
    """

    least: float = -math.inf
    most: float = math.inf
    is_open: bool = False

    def holds(self, value: Any) -> bool:
        """Say whether a number lies in it; NaN and infinity never do."""
        return math.isfinite(value) and (value > self.least if self.is_open else value >= self.least) and (
            value <= self.most)

    def __str__(self) -> str:
        """Describe it, to stand behind "a number"."""
        if math.isinf(self.least):
            return '' if math.isinf(self.most) else f' up to {self.most:g}'
        if math.isinf(self.most):
            return f' above {self.least:g}' if self.is_open else f' of at least {self.least:g}'
        return f' {"above" if self.is_open else "from"} {self.least:g} {"and up " * self.is_open}to {self.most:g}'


NotNegative = Annotated[float, Range(0)]
Positive = Annotated[float, Range(0, is_open=True)]
Fraction = Annotated[float, Range(0, 1)]
Count = Annotated[int, Range(1)]
CountFrom0 = Annotated[int, Range(0)]
#: More processes than any machine has processors are a slip of the finger.
NumWorkers = Annotated[int, Range(0, 1024)]

_OBJECT = 'dict(type=NAME, ...)'
_NUMBERS = {2: 'two', 3: 'three', 4: 'four'}
_ANY = (Any, inspect.Parameter.empty, object)


def value_problems(kind: Any, value: Any, where: str) -> Iterator[str]:
    """Say whether a value is of an annotated type and in its range.

    Args:
        kind: The annotation. Of types that a config cannot hold only ``dict(type=...)``, which builds one, is known;
            the keys of a ``TypedDict`` are checked one by one.
        value: The value.
        where: Its place, for the sentences.
    """
    for option in _alternatives(kind):
        if typing.is_typeddict(option) and isinstance(value, Mapping):
            yield from _key_problems(option, value, where)
            return
    if fits(kind, value):
        return
    choices = [choice for option in _alternatives(kind) if typing.get_origin(option) is Literal
               for choice in typing.get_args(option)]
    if isinstance(value, str) and choices and all(isinstance(choice, str) for choice in choices):
        yield f'{where} is {shortened(value)}, which is unknown; {suggest(value, choices)}'
    else:
        yield f'{where} is {shortened(value)}, expected {describe(kind)}; correct it'


def _key_problems(kind: Any, value: Mapping, where: str) -> Iterator[str]:
    """Check the keys of a dictionary, and what they hold."""
    known = {key: typing.get_args(entry)[0] if typing.get_origin(entry) in (NotRequired, Required) else entry
             for key, entry in typing.get_type_hints(kind, include_extras=True).items()}
    for key, entry in value.items():
        if key not in known:
            yield f'{where} has the unknown option {key!r}; {suggest(str(key), known)}'
        else:
            yield from value_problems(known[key], entry, f'{where}.{key}')
    for key in sorted(kind.__required_keys__ - set(value)):
        yield f'{where} needs the option {key!r}; give it in the config'


def fits(kind: Any, value: Any) -> bool:
    """Say whether a value is of an annotated type; arguments as for :func:`value_problems`."""
    if kind in _ANY or isinstance(kind, str | typing.TypeVar):
        return True
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        ranges = [extra for extra in arguments[1:] if isinstance(extra, Range)]
        return fits(arguments[0], value) and all(
            not isinstance(value, Real) or limits.holds(value) for limits in ranges)
    if origin in (Union, types.UnionType):
        return any(fits(option, value) for option in arguments)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in arguments)
    kind = origin or kind
    if kind in (None, type(None)):
        return value is None
    if kind is bool or isinstance(value, bool):
        return isinstance(value, bool) and kind is bool
    if kind is int:
        return isinstance(value, Integral)
    if kind is float:
        return isinstance(value, Real) and math.isfinite(value)
    if kind is str:
        return isinstance(value, str)
    if not isinstance(kind, type):
        return True
    if issubclass(kind, Mapping) or typing.is_typeddict(kind):
        return isinstance(value, Mapping) and (len(arguments) < 2 or all(
            fits(arguments[0], key) and fits(arguments[1], entry) for key, entry in value.items()))
    if kind is not str and issubclass(kind, Iterable) and kind.__module__ in ('builtins', 'collections.abc', 'typing'):
        return isinstance(value, Sequence) and not isinstance(value, str | bytes) and _entries_fit(arguments, value)
    # An object, which a config describes by dict(type=...); a path is written as text.
    return isinstance(value, kind) or (isinstance(value, Mapping) and 'type' in value) or (
        isinstance(value, str) and hasattr(kind, '__fspath__'))


def _entries_fit(arguments: tuple, value: Sequence) -> bool:
    """Check what a list holds; a config may write a tuple of two as a list."""
    if not arguments:
        return True
    if len(arguments) == 1 or arguments[-1] is Ellipsis:
        return all(fits(arguments[0], entry) for entry in value)
    return len(value) == len(arguments) and all(map(fits, arguments, value))


def kind_of_default(default: Any) -> Any:
    """Guess the type of an option that has no annotation by its default; it may be guessed too wide."""
    number = float | Sequence[float] | None
    if isinstance(default, bool):
        return bool | None
    if isinstance(default, Real):
        return number
    if isinstance(default, str):
        return str | bool | None
    if isinstance(default, Mapping):
        return Mapping | Sequence[Mapping] | None
    if isinstance(default, list | tuple) and default and all(isinstance(entry, Real) for entry in default):
        return number
    return Any


def describe(kind: Any) -> str:
    """Describe an annotated type in words, to stand behind "expected"."""
    words = list(dict.fromkeys(_describe(option) for option in _alternatives(kind)))
    return ' or '.join([word for word in words if word != _OBJECT] or words)


def _describe(kind: Any, plural: bool = False) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    limits = ''
    if origin is Annotated:
        limits = ''.join(str(extra) for extra in arguments[1:] if isinstance(extra, Range))
        kind, origin, arguments = arguments[0], None, ()
    if origin is Literal:
        return ' or '.join(map(repr, arguments))
    plain = origin or kind
    if plain in (int, float):
        words = 'whole number' if plain is int else 'number'
        return f'{words}s{limits}' if plural else f'a {words}{limits}'
    if plain in (str, bool, type(None)):
        one, many = {str: ('text', 'texts'), bool: ('True or False', 'True or False'),
                     type(None): ('None', 'None')}[plain]
        return many if plural else one
    if isinstance(plain, type) and issubclass(plain, Mapping) or typing.is_typeddict(plain):
        return 'dictionaries' if plural else 'a dictionary'
    if isinstance(plain, type) and issubclass(plain, Iterable) and plain.__module__ in (
            'builtins', 'collections.abc', 'typing'):
        return _describe_list(arguments, 'lists' if plural else 'a list')
    if hasattr(plain, '__fspath__'):
        return 'paths' if plural else 'a path'
    return _OBJECT


def _describe_list(arguments: tuple, words: str) -> str:
    """Describe what a list holds, and how many entries where that is fixed, as :func:`_entries_fit` checks it."""
    if not arguments:
        return words
    if len(set(arguments) - {Ellipsis}) > 1:
        return f'{words} of {", and ".join(map(describe, arguments))}'
    fixed = len(arguments) > 1 and arguments[-1] is not Ellipsis
    count = f'{_NUMBERS.get(len(arguments), len(arguments))} ' if fixed else ''
    return f'{words} of {count}{" or ".join(_describe(option, True) for option in _alternatives(arguments[0]))}'


def _alternatives(kind: Any) -> tuple:
    """List the types that an annotation allows."""
    return typing.get_args(kind) if typing.get_origin(kind) in (Union, types.UnionType) else (kind, )


def shortened(value: Any) -> str:
    """Write a value for a sentence, of which it is a part and not most."""
    text = repr(value)
    return text if len(text) <= 80 else f'{text[:76]} ...'
