"""The errors a user can cause, each one sentence: what was found, what was expected, what to do."""
import contextlib
import difflib
import signal
from collections.abc import Iterable, Iterator

#: What Python and other packages raise for what they cannot use.
FOREIGN = (ArithmeticError, AssertionError, AttributeError, EOFError, ImportError, LookupError, OSError, RuntimeError,
           TypeError, ValueError)


class LHLError(Exception):
    """Base of every error whose message is meant for the user; the command line prints it without a traceback.

    Args:
        problems: What is wrong, one sentence each; usually a single one.
    """

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, one sentence each."""
        return tuple(map(str, self.args))

    def __str__(self) -> str:
        """The sentence, or all of them, numbered, one on each line."""
        if len(self.args) < 2:
            return super().__str__()
        numbered = (f'{number}. {problem}' for number, problem in enumerate(self.problems, 1))
        return '\n'.join([f'found {len(self.args)} problems:', *numbered])


class ConfigError(LHLError):
    """A config asks for something that does not exist or cannot be done."""


class DataError(LHLError):
    """A file or folder of a data set is missing, unreadable or holds impossible values."""


class CheckpointError(LHLError):
    """A checkpoint is missing, unreadable or of another architecture."""


class RunError(LHLError):
    """A work_dir is not in the state that the command needs."""


class WriteError(LHLError):
    """The system refuses to write a file: there is no room, it is read-only, or its folder is none."""


class LostProcessError(RunError):
    """Another process of a distributed run is gone, or does not answer."""


class NotReusableError(RunError):
    """No phase of another run was trained as this run's would be."""


class DivergenceError(LHLError):
    """A loss, a gradient, a weight or what a method computes is not finite."""


class Interruption(KeyboardInterrupt):
    """A signal ended a run.

    Args:
        number: The signal.
        where: How far the run came and what holds it, as in "in phase 2 after iteration 4 of 6"; empty where nothing
            was begun that is not on the disk.
    """

    def __init__(self, number: int, where: str = '') -> None:
        super().__init__(where)
        self.number = number

    @property
    def status(self) -> int:
        """The exit status: 130 for Ctrl-C, else 143, as after SIGTERM."""
        return 128 + (self.number if self.number == signal.SIGINT else signal.SIGTERM)


class Problems:
    """Collects all that is wrong with a config, so that one error names it all.

    What is wrong with one part need not be repeated for each that builds on it: :meth:`sound` says whether a part can
    be relied on.
    """

    def __init__(self) -> None:
        self._sentences: dict[str, None] = {}  # in order, each once
        self._unsound: set[str] = set()

    def add(self, *sentences: str, at: str = '') -> bool:
        """Add problems.

        Args:
            sentences: One for each problem.
            at: The part of the config that they are of.

        Returns:
            Whether there were none.
        """
        self._sentences.update(dict.fromkeys(sentences))
        if sentences:
            self._unsound.add(at)
        return not sentences

    @contextlib.contextmanager
    def collected(self, at: str = '') -> Iterator[None]:
        """Add the problems of a :class:`ConfigError` that is raised within."""
        try:
            yield
        except ConfigError as error:
            self.add(*error.problems, at=at)

    @contextlib.contextmanager
    def translated(self, what: str, at: str = '') -> Iterator[None]:
        """Add what is raised within, also by another package.

        Args:
            what: What is tried, such as "model cannot be built".
            at: The part of the config that is used.
        """
        try:
            yield
        except LHLError as error:
            self.add(*error.problems, at=at)
        except FOREIGN as error:
            self.add(f'{what} ({reason_of(error)}); correct its options', at=at)

    @contextlib.contextmanager
    def consequences(self, of: str) -> Iterator[None]:
        """Check what builds on parts that may not be sound: what fails because of a known problem is not another."""
        try:
            yield
        except LHLError as error:
            self.add(*error.problems)
        except FOREIGN as error:
            if not self._sentences:
                self.add(f'{of} cannot be used ({reason_of(error)}); correct it')

    def sound(self, *parts: str) -> bool:
        """Say whether no problem was found in any of these parts."""
        return self._unsound.isdisjoint(parts)

    @property
    def sentences(self) -> tuple[str, ...]:
        """All that was found, each once."""
        return tuple(self._sentences)

    def raise_all(self, kind: type[LHLError] = ConfigError) -> None:
        """Raise an error, by default a :class:`ConfigError`, with all problems, if there are any."""
        if self._sentences:
            raise kind(*self._sentences)


def reason_of(error: BaseException) -> str:
    """Give an error of another package in one line, to stand in brackets."""
    lines = str(error).strip().splitlines() or ['']
    text = ' '.join(lines[0].split())
    shown = text[:197] + '...' if len(text) > 200 else text
    return f'{type(error).__name__}: {shown}' if shown else type(error).__name__


def printable(text: str) -> str:
    """Write what a terminal would act on, such as the escape sequences in a file's name, as Python would.

    Line breaks stay.
    """
    return ''.join(character if character.isprintable() or character == '\n' else repr(character)[1:-1]
                   for character in text)


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
