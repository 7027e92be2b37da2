"""Reads all data of a config and writes the report: Markdown, JSON and a contact sheet."""
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lhl.atomic import atomic_write
from lhl.datasets import DenseDataset
from lhl.errors import ConfigError, DataError
from lhl.tasks import Task
from lhl.visualization import draw_contact_sheet

from .findings import make_report
from .manifest import (
    FileDigest,
    common_root,
    compare_with_manifest,
    digest_files,
    find_source_files,
    read_manifest,
    save_manifest,
)
from .reading import Reading, read_all
from .report import Problem, Report
from .splits import Split, build_split, split_configs

IMAGES_PER_SPLIT = 4  # of the contact sheet
MAX_WORKERS = 1024


def check_dataset(cfg: Config, out: str | Path, workers: int | None = None, manifest: str | Path | None = None,
                  write_manifest: str | Path | None = None) -> Report:
    """Read every image and target of a config's data once, and write what was found.

    Each task is looked for in the data of the phase that learns it, to train on and to validate on. Nothing stops at
    the first problem. No transform of the pipeline is applied, and the images are not divided among the phases. Only
    ``tasks``, ``phases`` and the two dataloaders of the config are used.

    Args:
        cfg: The stream's config.
        out: The folder for ``report.md``, ``report.json`` and ``contact_sheet.png``, which are overwritten.
        workers: How many processes read; by default as many as there are processors, 8 at most. 0 reads in this one.
        manifest: A manifest of the files; each that is missing, added or another one is a problem.
        write_manifest: A new file, for the manifest of what is read. It is not written if a file cannot be read.

    Returns:
        The report; ``report.problems`` is empty where all is well.

    Raises:
        ConfigError: If the config has no data to read.
        DataError: If the manifest cannot be used, or is of other data.
    """
    out = Path(out)
    entries = None if manifest is None else read_manifest(manifest)
    if write_manifest is not None and os.path.lexists(write_manifest):
        raise DataError(f'{write_manifest} exists; compare with it by `manifest={write_manifest}`, or name another '
                        f'file in `write_manifest`')
    if workers is not None and not 0 <= workers <= MAX_WORKERS:
        raise ConfigError(f'`workers` is {workers}, expected a number from 0 to {MAX_WORKERS}')
    if workers is None:
        workers = min(8, len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1)
    problems: list[Problem] = []
    built = {name: build_split(name, split, problems) for name, split in split_configs(cfg).items()}
    splits = {name: split for name, split in built.items() if split is not None}
    notes: list[str] = []
    datasets = [split.dataset for split in splits.values()]
    if manifest is not None and entries is not None:
        found = _compare(manifest, entries, datasets, workers)
        problems += found
        if not found:
            notes.append(f'all {len(entries)} files are as {manifest} says')
    readings = _read(splits, workers)
    report = make_report(Path(cfg.filename or 'config').stem, cfg.tasks.to_dict(), splits, readings, problems)
    if write_manifest is not None:
        _write_manifest(write_manifest, datasets, workers, report)
    report.notes[:0] = notes
    sheet = out / 'contact_sheet.png'
    samples = {f'{name}\n{Path(reading.path).stem}': split.dataset[reading.position]
               for name, split in splits.items() for reading in samples_to_show(readings[name])}
    if samples:
        tasks = {name: task for split in splits.values() for name, task in split.dataset.tasks.items()}
        draw_contact_sheet({label: _by_column(sample) for label, sample in samples.items()},
                           {_column(task): task for task in tasks.values()}, sheet)
        report.contact_sheet = sheet.name
    with atomic_write(out / 'report.json') as file:
        file.write((json.dumps(report.document(), indent=1) + '\n').encode())
    with atomic_write(out / 'report.md') as file:
        file.write((report.markdown() + '\n').encode())
    return report


def _compare(manifest: str | Path, entries: Mapping[str, FileDigest], datasets: Sequence[DenseDataset],
             workers: int) -> list[Problem]:
    """Compare the files of some data sets with a manifest, with a progress bar."""
    root, read = common_root(datasets), find_source_files(datasets)
    with _progress_in_bytes('comparing', sum(entry.size for entry in entries.values())) as advance:
        return compare_with_manifest(manifest, entries, root, read, workers, advance)


def _write_manifest(path: str | Path, datasets: Sequence[DenseDataset], workers: int, report: Report) -> None:
    """Write a manifest of the files that are read, with a progress bar, unless one of them is damaged."""
    damaged = sum(problem.kind in ('data set', 'image', 'target') for problem in report.problems)
    if damaged:
        report.notes.append(f'{path} was not written, as it would describe what is damaged; correct the problems first')
        return
    root, files = common_root(datasets), find_source_files(datasets)
    with _progress_in_bytes('digesting', sum(file.stat().st_size for file in files if file.is_file())) as advance:
        digests, unusable = digest_files(files, workers, advance)
    if unusable:
        report.problems += [Problem('unusable file', 'manifest', sentence) for sentence in unusable]
        report.notes.append(f'{path} was not written, as files cannot be read')
        return
    save_manifest(path, root, digests)
    report.notes.append(f'{path} is the manifest of {len(digests)} files, '
                        f'{sum(digest.size for digest in digests.values())} bytes')


@contextmanager
def _progress_in_bytes(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar, and give what advances it."""
    columns = (TextColumn('{task.description}'), BarColumn(), DownloadColumn(), TextColumn('ETA'),
               TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=60) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda size: progress.advance(bar, size)
        progress.update(bar, completed=total)


def _read(splits: Mapping[str, Split], workers: int) -> dict[str, list[Reading]]:
    """Read all data sets, with a progress bar for each."""
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TextColumn('ETA'),
               TimeRemainingColumn())
    readings: dict[str, list[Reading]] = {}
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=60) as progress:
        bars = {name: progress.add_task(f'reading {name}', total=len(split.dataset)) for name, split in splits.items()}
        for name, split in splits.items():
            readings[name] = []
            for reading in read_all(split.dataset, min(workers, len(split.dataset)) if workers > 1 else 0):
                readings[name].append(reading)
                progress.advance(bars[name])
    return readings


def samples_to_show(readings: Sequence[Reading]) -> list[Reading]:
    """Choose readable samples, evenly spread, among those with the most targets."""
    good = [reading for reading in readings if not reading.problems]
    most = max((_num_targets(reading) for reading in good), default=0)
    good = [reading for reading in good if _num_targets(reading) == most]
    count = min(IMAGES_PER_SPLIT, len(good))
    return [good[round(place * (len(good) - 1) / max(count - 1, 1))] for place in range(count)]


def _num_targets(reading: Reading) -> int:
    return sum(statistics.images for statistics in reading.targets.values())


def _column(task: Task) -> str:
    """Name the column of a task: image-level tasks that share a head have one, as an image is of one class."""
    return task.head if task.image_level else task.name


def _by_column(sample: dict) -> dict:
    """Name the targets of a sample by their columns; of several in one, the valid one counts."""
    targets, valid = {}, {}
    for name, task in sample['tasks'].items():
        if name in sample['targets'] and (_column(task) not in valid or sample['valid'][name].any()):
            targets[_column(task)], valid[_column(task)] = sample['targets'][name], sample['valid'][name]
    return dict(sample, targets=targets, valid=valid)
