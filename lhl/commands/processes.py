"""What becomes of processes that work together: they find each other, end together, and tell how once."""
import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from lhl.errors import LostProcessError

#: Names the folder in which tools/launch.py looks for what became of a run: files ``told``, ``lost``, ``interrupted``.
ENDING = 'LHL_ENDING'


def is_first_process() -> bool:
    """Say whether this is the only process of a run or, as far as its launcher has told it, the first."""
    names = ['RANK', *(name for launcher, name in (('slurm', 'SLURM_PROCID'), ('mpi', 'OMPI_COMM_WORLD_RANK'))
                       if launcher in sys.argv)]
    return all(os.environ.get(name, '0') == '0' for name in names)


@contextlib.contextmanager
def processes_of(args: argparse.Namespace) -> Iterator[None]:
    """Let the processes of a distributed run find each other, end together, and tell of an error once.

    They also end with whatever started them.
    """
    if args.launcher != 'none':
        os.environ.setdefault('TORCH_CPP_LOG_LEVEL', 'ERROR')  # as in tools/dist_train.sh
    from lhl.engine.runtime.orphans import end_with_parent
    from lhl.engine.runtime.process_group import end_distributed, lost_processes_as_errors, meet
    end_with_parent()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    meet(args.launcher)
    try:
        with lost_processes_as_errors():
            yield
            end_distributed()
    except (Exception, KeyboardInterrupt) as error:
        if args.launcher == 'none' or _is_to_tell(error):
            raise
        sys.exit(1)


def tell_of_interruption(sentence: str) -> None:
    """Print that a run was interrupted, or leave it to tools/launch.py, which knows whether a process was killed."""
    if ENDING in os.environ:
        _leave_word('interrupted', sentence)
    else:
        print(sentence, file=sys.stderr)


def _is_to_tell(error: BaseException) -> bool:
    """Say whether this process prints an error: the first in which there is one.

    Of a lost process tools/launch.py tells, where it has started this one, because it knows how that one ended.
    """
    from lhl.engine.runtime.process_group import claim_to_tell, was_told
    if isinstance(error, KeyboardInterrupt):
        return not was_told()  # or it was ended because another one has failed
    is_lost = isinstance(error, LostProcessError)
    if is_lost and ENDING in os.environ:
        _leave_word('told' if was_told() else 'lost', str(error).rpartition('; ')[0])
        return False
    _leave_word('told', '')
    return claim_to_tell(is_lost)


def _leave_word(name: str, text: str) -> None:
    folder = os.environ.get(ENDING)
    if folder is not None:
        with contextlib.suppress(OSError):
            Path(folder, name).write_text(text)
