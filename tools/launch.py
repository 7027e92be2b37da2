"""torchrun, which ends with a sentence where a process has failed; the arguments are those of torchrun.

What a process of the run has printed is not printed again. Of a process that was killed it is said here.
"""
import logging
import os
import signal
import sys
import tempfile
from pathlib import Path

from torch.distributed import DistError
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.elastic.rendezvous import RendezvousError
from torch.distributed.run import parse_args, run

from lhl.commands.processes import ENDING


def main() -> int:
    """Run torchrun; its exit status is that of the first process that failed, 128 and more after a signal."""
    args = parse_args(None)
    for name in ('torch.distributed.elastic', 'torch.distributed.run'):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # or each failure is told in tables and traces
    for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS'):
        os.environ.setdefault(name, '1')  # as torchrun and mmengine do, which say so at length
    if 'SIGUSR1' not in getattr(args, 'signals_to_handle', 'SIGUSR1'):
        args.signals_to_handle += ',SIGUSR1'  # Slurm's
    is_training = args.training_script.endswith('train.py') or 'train' in args.training_script_args[:2]
    advice = f'run the same command {"with --resume" if is_training else "again"} to continue'
    with tempfile.TemporaryDirectory() as folder:
        os.environ[ENDING] = folder
        try:
            run(args)
        except SignalException as ended:
            say(ending({}, Path(folder)))
            return 128 + ended.sigval
        except ChildFailedError as failed:
            codes = {rank: failure.exitcode for rank, failure in sorted(failed.failures.items())}
            problem = ending(codes, Path(folder))
            say(f'error: {problem}; {advice}' if problem and not problem.startswith('interrupted') else problem)
            first = min(failed.failures.values(), key=lambda failure: failure.timestamp).exitcode
            return first if first > 0 else 128 - first
        except (DistError, RendezvousError) as error:
            say(f'error: the machines of the run do not meet at {args.master_addr}:{args.master_port} '
                f'({str(error).splitlines()[0]}); check that all of them were started, and that the port is free')
            return 1
    return 0


def ending(codes: dict[int, int], folder: Path) -> str:
    """Say what ended a run, unless a process of it has said so.

    Args:
        codes: The exit status of each process that has failed, by its rank.
        folder: What the processes have left.
    """
    left = {path.name: path.read_text() for path in folder.iterdir()}
    if 'told' in left:
        return ''
    # Whoever is left, or hangs, is ended with SIGTERM, and with SIGKILL after 30 s.
    by_signal = {rank: -code for rank, code in codes.items() if code < 0}
    killed = {rank: number for rank, number in by_signal.items() if number != signal.SIGTERM}
    killed = killed or ({} if left else by_signal)
    if not killed or 'imed out' in left.get('lost', ''):
        return left.get('lost') or left.get('interrupted', '')
    reason = ', as the system does when memory runs out' if signal.SIGKILL in killed.values() else ''
    return ' and '.join(f'process {rank} was killed by {signal.Signals(number).name}'
                        for rank, number in killed.items()) + reason


def say(sentence: str) -> None:
    """Print a sentence, if there is one."""
    if sentence:
        print(sentence, file=sys.stderr)


if __name__ == '__main__':
    sys.exit(main())
