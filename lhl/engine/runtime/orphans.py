"""Ends a process that trains for another one, such as torchrun or a benchmark, when that one was killed."""
import os
import signal
import threading
import time

#: The environment variable in which a process that starts trainings gives them its own id.
PARENT = 'LHL_PARENT'
#: How often the parent is looked after, and how long the end may take before it is forced: a process whose partners are
#: gone may wait for them for ever. In seconds.
_POLL, _GRACE = 0.5, 30.0


def end_with_parent() -> None:
    """End this process as SIGTERM does when the process that started it is gone; of a shell nothing is expected."""
    parent = os.getppid()
    if 'TORCHELASTIC_RUN_ID' in os.environ or os.environ.get(PARENT) == str(parent):
        threading.Thread(target=_watch, args=(parent, ), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE)
    os._exit(128 + signal.SIGTERM)
