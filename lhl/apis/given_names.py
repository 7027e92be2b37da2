"""What a person wants runs to be called, wherever runs are set side by side."""
from collections.abc import Mapping, Sequence
from pathlib import Path

from lhl.errors import RunError
from lhl.evaluation.results import FILE_NAME


def result_file(run: str | Path) -> Path:
    """Find the result file of a run, by one path however it was given."""
    path = Path(run)
    return (path / FILE_NAME if path.is_dir() else path).resolve()


def run_folder(run: str | Path) -> Path:
    """Find the folder of a run, which may be given by its result file."""
    return Path(run) if Path(run).is_dir() else Path(run).parent


def given_names(runs: Sequence[str | Path], names: Mapping[str | Path, str] | None) -> list[str | None]:
    """Look up for each run what to call its method; None where nothing is said.

    Args:
        runs: The runs' folders, or their result files.
        names: The names by run, as folder or file.

    Raises:
        RunError: If a run that is given a name is not among them.
    """
    files = [result_file(run) for run in runs]
    by_file = {result_file(run): name for run, name in (names or {}).items()}
    unknown = by_file.keys() - set(files)
    if unknown:
        raise RunError(f'{min(unknown)} is given a name, but is not among the runs; add it to them, or remove '
                       f'the name')
    return [by_file.get(file) for file in files]
