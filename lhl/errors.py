"""The errors a user can cause, each one sentence: what was found, what was expected, what to do."""
import difflib
from collections.abc import Iterable


class LHLError(Exception):
    """Base of every error whose message is meant for the user; the command line prints it without a traceback."""


class ConfigError(LHLError):
    """A config asks for something that does not exist or cannot be done."""


class DataError(LHLError):
    """A file or folder of a data set is missing, unreadable or holds impossible values."""


class CheckpointError(LHLError):
    """A checkpoint is missing, unreadable or of another architecture."""


class RunError(LHLError):
    """A work_dir is not in the state that the command needs."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Say which known names are close to a misspelt one.

    Args:
        name: The name that was not found.
        known: The names that exist.

    Returns:
        ``"did you mean 'a' or 'b'?"`` when something is close, otherwise the whole list of known names.
    """
    known = sorted(known)
    folded = {candidate.lower(): candidate for candidate in known}
    close = [folded[match] for match in difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.6)]
    if close:
        return 'did you mean ' + ' or '.join(repr(candidate) for candidate in close) + '?'
    return 'known: ' + ', '.join(known)
