"""What SIGTERM, Ctrl-C and Slurm's SIGUSR1 do to a run: it ends where it can be resumed exactly."""
import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType

import torch
from mmengine.dist import is_distributed
from torch.distributed import ReduceOp, Work

from lhl.errors import Interruption

from .process_group import group_timeout

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
#: torchrun passes on a signal that its processes may have got as well; within so many seconds both are one.
_ONE_SIGNAL = 5.0


class _Received:
    """The signal that this process was sent while it trained, and whether it waits for the end of the iteration."""

    number: int = 0
    at: float = 0.0
    waits: bool = False


_received = _Received()


@contextlib.contextmanager
def ending_gently() -> Iterator[None]:
    """Let signals end what is done here with an :class:`~lhl.errors.Interruption`: at once, or after the iteration.

    A second signal ends the process. Where signals cannot be handled, because this is not the main thread, and where
    SIGINT is ignored, as in a script's background jobs, that is left as it is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _received.number, _received.waits = 0, False
    before = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: handler for number, handler in before.items() if handler not in (None, signal.SIG_IGN)}
    for number in before:
        signal.signal(number, partial(_receive, list(before)))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _received.number, _received.waits = 0, False


def let_signals_wait(wait: bool) -> None:
    """Choose whether signals wait until someone asks for them, see :class:`ToldToStop`, or end the run at once."""
    _received.waits = wait


def _receive(handled: list[signal.Signals], number: int, frame: FrameType | None) -> None:
    now = time.monotonic()
    if _received.number:
        if now - _received.at > _ONE_SIGNAL:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        return
    _received.number, _received.at = number, now
    if 'TORCHELASTIC_RUN_ID' not in os.environ:
        for other in handled:
            signal.signal(other, signal.SIG_DFL)
    if not _received.waits:
        raise Interruption(number)


class ToldToStop:
    """Asks after every iteration whether to stop; processes that train together agree on the iteration.

    They exchange what they were sent without waiting for one another: the answer is that of the iteration before. It
    goes through the CPU, so no GPU is waited for either.
    """

    def __init__(self) -> None:
        self.group = torch.distributed.new_group(timeout=group_timeout(), backend='gloo') if is_distributed() else None
        self.exchange: tuple[Work, torch.Tensor] | None = None

    def ask(self, wait: bool = False) -> int:
        """Give the signal that was sent, or 0.

        Args:
            wait: For what the others were sent until now.
        """
        if self.group is None:
            return _received.number
        told = self._answer()
        if not told:
            number = torch.tensor([_received.number])
            self.exchange = torch.distributed.all_reduce(number, ReduceOp.MAX, self.group, async_op=True), number
        return self._answer() if wait and not told else told

    def close(self) -> None:
        """End the group of the exchange, which has connections and a thread of its own."""
        if self.group is not None:
            torch.distributed.destroy_process_group(self.group)

    def _answer(self) -> int:
        if self.exchange is None:
            return 0
        (work, number), self.exchange = self.exchange, None
        work.wait()
        return int(number)


def undisturbed(init: Callable[[int], None] | None, worker: int) -> None:
    """Keep a data loader's worker from signals, which often reach all processes of a run at once.

    Its parent ends it, by SIGTERM if need be, and torch ends it when its parent is gone.

    Args:
        init: What the worker begins with.
        worker: Its number.
    """
    parent = multiprocessing.parent_process()
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN if number != signal.SIGTERM else signal.SIG_DFL)
    if parent is not None and hasattr(signal, 'sigwaitinfo'):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_by_parent, args=(parent.pid, ), daemon=True).start()
    if init is not None:
        init(worker)


def _end_by_parent(parent: int) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
