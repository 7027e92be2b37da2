"""The live display: a few lines at the bottom of a terminal, above which everything else is printed."""
import contextlib
import logging
import os
import sys
import time
from typing import IO, Any

from mmengine.logging import MMLogger

from .status import Status, loss_text, scores_text

#: Seconds from one drawing to the next, at least.
_PAUSE = 0.2


class LiveDisplay:
    """Draws a status at the bottom of a terminal.

    It draws when it is told something, in no thread of its own: data loaders fork. The cursor stays visible, so that
    a process that is killed leaves no terminal without one.

    Args:
        terminal: Where to draw; by default the standard output.
    """

    def __init__(self, terminal: IO[str] | None = None) -> None:
        from rich.console import Console
        from rich.live import Live
        self.console = Console(file=terminal)
        self.live = Live(console=self.console, auto_refresh=False, transient=True)
        self.drawn = -_PAUSE
        self.handlers: list[tuple[logging.StreamHandler, Any]] = []

    def start(self) -> None:
        """Begin; what is printed and logged from now on goes above the display."""
        before = sys.stdout
        self.live.start()
        self.console.show_cursor(True)
        for logger in MMLogger._instance_dict.values():
            for handler in logger.handlers:
                if isinstance(handler, logging.StreamHandler) and handler.stream is before:
                    self.handlers.append((handler, before))
                    handler.setStream(sys.stdout)

    def update(self, status: Status, now: bool = False) -> None:
        """Draw a status, unless the last one was drawn just before.

        Args:
            status: What to draw.
            now: Draw it in any case.
        """
        if now or time.monotonic() - self.drawn >= _PAUSE:
            self.drawn = time.monotonic()
            try:
                self.live.update(_lines(status, self.console.width), refresh=True)
            except (OSError, UnicodeError):  # the terminal is gone; the training continues
                self.update = lambda status, now=False: None  # type: ignore[method-assign]

    def stop(self) -> None:
        """End, and leave nothing of the display behind."""
        for handler, stream in self.handlers:
            handler.setStream(stream)
        with contextlib.suppress(OSError, UnicodeError):
            self.live.stop()


def is_terminal() -> bool:
    """Say whether the standard output is a terminal that lines can be drawn over in."""
    try:
        return sys.stdout.isatty() and os.environ.get('TERM', '').lower() not in ('dumb', 'unknown', '')
    except (AttributeError, ValueError):  # it is closed, or a program without one
        return False


def _lines(status: Status, width: int) -> Any:
    """Lay the status out, wrapped at the width of the terminal."""
    from rich.console import Group
    from rich.text import Text
    share = min(status.iteration / max(status.iterations, 1), 1.0)
    place = f'scoring, batch {status.scored}' if status.scored else f'{status.place}, {int(100 * share)}%'
    length = min(width, 60) - 2
    bar = f'[{"#" * int(length * share)}'.ljust(length + 1, '.') + ']'
    texts = [status.speed, loss_text(status.losses, terms=True),
             f'last scores: {scores_text(status.scores)}' if status.scores else '']
    return Group(Text(f'{status.name}: {place}', 'bold'), Text(bar, 'cyan'), *(Text(text) for text in texts if text))
