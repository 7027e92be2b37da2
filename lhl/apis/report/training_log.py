"""Reads what mmengine logged while the phases of a run were trained."""
import contextlib
import json
import math
from pathlib import Path

from lhl.errors import RunError
from lhl.evaluation import Results
from lhl.regular_files import read_text_file
from lhl.visualization.page import PhaseLog


def read_logs(run: str | Path, results: Results) -> list[PhaseLog]:
    """Read the logs of the finished phases of a run.

    A phase that was interrupted has a log for each time it was started; of an iteration that several have, the last one
    counts. What cannot be read is left out: a log is no result.
    """
    return [_read_phase(Path(run, phase.checkpoint).parent, phase.phase) for phase in results.phases]


def _read_phase(folder: Path, number: int) -> PhaseLog:
    entries: dict[int, dict] = {}
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        entries.update(_read_lines(path))
    log = PhaseLog(number, sorted(entries))
    terms = {term for entry in entries.values() for term in entry if term.startswith('loss_')}
    order = [term for entry in entries.values() for term in entry if term in terms]
    for term in dict.fromkeys(order):
        log.losses[term] = [_number(entries[iteration].get(term)) for iteration in log.iterations]
    log.learning_rates = [_number(entries[iteration].get('lr')) for iteration in log.iterations]
    return log


def _read_lines(path: Path) -> dict[int, dict]:
    """Read the lines about training, by iteration; those about validation have no loss."""
    try:
        lines = read_text_file(path, RunError).decode(errors='replace').splitlines()
    except RunError:
        return {}
    entries = {}
    for line in lines:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict) and isinstance(entry.get('iter'), int) and 'loss' in entry:
            entries[entry['iter']] = entry
    return entries


def _number(value: object) -> float:
    with contextlib.suppress(OverflowError):  # of a whole number with hundreds of digits
        return float(value) if isinstance(value, int | float) else math.nan
    return math.nan
