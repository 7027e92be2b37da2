"""What passes from the command to the end of the first training iteration, in processor time.

``lhl train`` is run as a user runs it, on a few rendered rooms, and stopped when its log shows the first iteration.
What is counted is the user's and the system's time of all its processes.
"""
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lhl.datasets.rendered import write_dataset
from lhl.errors import LHLError, RunError

PROC = Path('/proc')
#: What any training with these libraries imports.
LIBRARIES = 'import torch, mmengine.runner, mmseg.models'
_FIRST_ITERATION = re.compile(r'phase 1/\d+ \(.*\): epoch 1/\d+, iteration 1/')


def processor_seconds_of(process: int) -> float:
    """Processor time of a process and of all that it started, ended ones included; to 10 ms, on Linux only."""
    fields = {}
    for stat in PROC.glob('[0-9]*/stat'):
        try:
            # The name of the program, in brackets, may hold spaces; after it: state, parent, ..., times as 12 to 15.
            fields[int(stat.parent.name)] = stat.read_text().rpartition(')')[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
    family, ticks = [process], 0
    for member in family:  # grows while it is gone through
        ticks += sum(map(int, fields[member][11:15]))
        family.extend(child for child, of_child in fields.items() if int(of_child[1]) == member)
    return ticks / os.sysconf('SC_CLK_TCK')


def seconds_to_first_iteration(checkout: Path, config: str, data_root: Path, work_dir: Path) -> tuple[float, float]:
    """Train until the first iteration is in the log.

    Args:
        checkout: The folder of the code that is run.
        config: The config, of three phases, that reads NYUv2's layout.
        data_root: The data.
        work_dir: Where the run is kept.

    Returns:
        Processor seconds until the engine begins to learn the first phase, when all is imported, checked and built but
        the optimizer; and until the end of the first iteration.

    Raises:
        RunError: If it ends before.
    """
    options = ['default_hooks.logger.interval=1', f'train_dataloader.dataset.data_root={data_root}',
               f'val_dataloader.dataset.data_root={data_root}']
    command = [sys.executable, str(checkout / 'tools/train.py'), config, '--work-dir', str(work_dir), '--cfg-options']
    begins, output = 0.0, ''
    with subprocess.Popen([*command, *options], env={**os.environ, 'PYTHONPATH': str(checkout)}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                output += line
                if not begins and 'phase 1/' in line:
                    begins = processor_seconds_of(process.pid)
                if _FIRST_ITERATION.search(line):
                    return begins, processor_seconds_of(process.pid)
        finally:
            process.terminate()
            process.stdout.read()
    raise RunError(f'{" ".join(command)} ended before its first iteration: {output[-2000:].strip()}')


def _seconds(*command: str, checkout: Path) -> float:
    """Processor seconds of a command of Python."""
    before = sum(os.times()[2:4])
    subprocess.run([sys.executable, *command], env={**os.environ, 'PYTHONPATH': str(checkout)}, check=True,
                   capture_output=True)
    return sum(os.times()[2:4]) - before


def measure_start_up(config: str = 'had/had_tiny_synthrooms.py', repeats: int = 5,
                     against: Sequence[str] = ()) -> str:
    """Measure how long a command takes to its first iteration, repeatedly, and give the medians.

    Args:
        config: The config that is trained; it reads NYUv2's layout, and 24 images of 72 x 96 are rendered for it.
        repeats: How often.
        against: Folders of other checkouts of lhl, which take turns with this one.

    Raises:
        LHLError: Where the processor time of a process cannot be read.
        RunError: If a training ends before its first iteration.
    """
    if not (PROC / 'self/stat').exists():
        raise LHLError('found no /proc/self/stat, expected the processor times that Linux gives; measure there')
    here = Path(__file__).parents[3]
    checkouts = {'this checkout': here, **{name: Path(name).absolute() for name in against}}
    found: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(Path(folder, 'data'), 24, 2, 72, 96, processes=1)
        for number in range(repeats):
            found.setdefault((LIBRARIES, ''), []).append(_seconds('-c', LIBRARIES, checkout=here))
            for name, checkout in checkouts.items():
                arguments = _seconds(str(checkout / 'tools/train.py'), '--help', checkout=checkout)
                begins, iteration = seconds_to_first_iteration(
                    checkout, config, Path(folder, 'data'), Path(folder, f'run{number}_{len(found)}_{checkout.name}'))
                for what, seconds in (('arguments are read', arguments), ('the first phase begins', begins),
                                      ('its first iteration is done', iteration)):
                    found.setdefault((what, name), []).append(seconds)
    lines = [f'{config}: processor seconds, median (and range) of {repeats} runs']
    for (what, name), values in found.items():
        lines.append(f'{statistics.median(values):6.2f} ({min(values):.2f} to {max(values):.2f})  '
                     f'{what}{f", {name}" if name else ""}')
    return '\n'.join(lines)
