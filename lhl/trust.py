"""Which code the configs inside runs and checkpoints may name: none but what the user trusts."""
import contextlib
from collections.abc import Iterator, Set
from contextvars import ContextVar

#: Names that are trusted; None for all.
_TRUSTED: ContextVar[Set[str] | None] = ContextVar('trusted', default=frozenset())


@contextlib.contextmanager
def trusting_configs(trust: bool = True) -> Iterator[None]:
    """Let the configs inside runs and checkpoints name whatever Python can import, and import modules, in a block.

    Args:
        trust: False changes nothing.
    """
    token = _TRUSTED.set(None if trust else _TRUSTED.get())
    try:
        yield
    finally:
        _TRUSTED.reset(token)


@contextlib.contextmanager
def trusting_names(names: Set[str]) -> Iterator[None]:
    """Let the configs inside runs and checkpoints name what the user's own config names, too, in a block."""
    before = _TRUSTED.get()
    token = _TRUSTED.set(None if before is None else before | names)
    try:
        yield
    finally:
        _TRUSTED.reset(token)


def trusts(name: str | None = None) -> bool:
    """Say whether a name is trusted, or without one, whether all are."""
    trusted = _TRUSTED.get()
    return trusted is None or name in trusted
