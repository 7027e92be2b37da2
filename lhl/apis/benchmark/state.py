"""What is remembered of a benchmark from one call to the next, in a file of its work_dir."""
import json
from pathlib import Path

from lhl.atomic import atomic_write
from lhl.errors import RunError

from .suites import Suite

_NAME = 'benchmark.json'
_FORMAT, _VERSION = 'lhl-benchmark', 1


def read_state(work_dir: Path, suite: Suite) -> dict:
    """Read what earlier calls recorded in the work_dir: durations and failures so far.

    Args:
        work_dir: The folder; it need not exist.
        suite: The suite that it belongs to.

    Returns:
        The state, to be kept up to date and given to :func:`write_state`; an empty one if nothing is recorded.

    Raises:
        RunError: If it is of another suite, or damaged.
    """
    path = work_dir / _NAME
    if not path.exists():
        return {'format': _FORMAT, 'version': _VERSION, 'suite': suite.name, 'wall_seconds': 0.0, 'seconds': {},
                'errors': {}}
    try:
        state = json.loads(path.read_bytes())
        found, of_this_kind = state['suite'], (state['format'], state['version']) == (_FORMAT, _VERSION)
    except (OSError, ValueError, KeyError, TypeError):
        of_this_kind = False
    if not of_this_kind:
        raise RunError(f'{path} is not the state of a benchmark, version {_VERSION}; move it away or choose another '
                       f'`work_dir`')
    if found != suite.name:
        raise RunError(f'{work_dir} belongs to the suite {found}, not {suite.name}; choose another `work_dir`')
    return state


def write_state(state: dict, work_dir: Path) -> None:
    """Record the state for later calls, whole or not at all."""
    with atomic_write(work_dir / _NAME) as file:
        file.write((json.dumps(state, indent=1, ensure_ascii=False) + '\n').encode())
