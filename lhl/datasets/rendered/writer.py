"""Writes a data set of rendered scenes in several processes, without ever overwriting a file."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from lhl.errors import DataError, suggest

from .disk_layouts import LAYOUTS, DiskLayout
from .manifest import SPLITS, Manifest, read_manifest, write_whole

_SMALLEST_SIDE = 16


def write_dataset(out_dir: str | Path,
                  train: int = 795,
                  val: int = 654,
                  height: int = 288,
                  width: int = 384,
                  seed: int = 0,
                  processes: int | None = None,
                  invalid_pixels: bool = True,
                  layout: str = 'nyuv2') -> Manifest:
    """Render a data set, or what is missing of it.

    Nothing is ever overwritten. An existing sample is kept, so that an interrupted call can be repeated; asking for
    more pictures extends a data set, asking for as many or fewer leaves it alone. Picture i of a split depends on
    (seed, split, i) only, not on the counts or the number of processes. One call at a time may write to a folder.

    Args:
        out_dir: A new or empty folder, or one that an earlier call with the same seed and size has written to.
        train: Number of training pictures.
        val: Number of validation pictures; they share no scene with the training pictures.
        height: Rows, at least 16.
        width: Columns, at least 16.
        seed: Non-negative.
        processes: How many pictures are rendered at a time; by default one per usable processor.
        invalid_pixels: Leave a border at class silhouettes unlabelled, and depth and normals unknown on bright panes
            and highlights, as in real data. Without it every pixel is valid.
        layout: In the folders, file names and encodings of which data set, a key of ``LAYOUTS``.

    Returns:
        The record that is also written to ``synth_rooms.json``.

    Raises:
        DataError: An argument is impossible, the folder holds something else, or a file cannot be written.
    """
    _check_arguments(train, val, height, width, seed, processes, layout)
    wanted = Manifest(seed, height, width, invalid_pixels, {'train': train, 'val': val}, False, {}, layout=layout)
    try:
        return _complete(Path(out_dir), wanted, processes or _usable_processors())
    except OSError as error:
        raise DataError(f'{out_dir} could not be read or written ({error}); fix that and run the same command again, '
                        'it continues where this one stopped') from error
    except BrokenProcessPool as error:
        raise DataError('a rendering process was killed, most likely because memory ran out; run the same command '
                        'again with fewer processes, it continues where this one stopped') from error


def _complete(folder: Path, wanted: Manifest, processes: int) -> Manifest:
    """Bring a folder to what is wanted, or leave it alone if it holds that already."""
    layout = LAYOUTS[wanted.layout]()
    found = read_manifest(folder)
    if found is not None:
        if found.kind != wanted.kind:
            raise DataError(f'{folder} holds a SynthRooms data set with {found.kind}, but one with {wanted.kind} '
                            'was asked for; name another folder, or ask for what it holds')
        wanted = replace(wanted, counts={split: max(found.counts[split], wanted.counts[split]) for split in SPLITS})
    missing = _missing_samples(folder, wanted)
    if found is not None and found.complete and not missing:
        return found
    folder.mkdir(parents=True, exist_ok=True)
    wanted.write(folder)  # before any picture, so that an interrupted data set is recognised
    _render_samples(folder, wanted, missing, processes)
    for path, content in layout.lists(wanted.counts).items():
        _create(folder / path, content)
    done = replace(wanted, complete=True, class_shares=_class_shares(folder, wanted))
    done.write(folder)
    return done


def sample_seed(seed: int, split: str, index: int) -> np.random.SeedSequence:
    """The seed of picture ``index`` of a split, independent of all other pictures."""
    return np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), index))


def _check_arguments(train: int, val: int, height: int, width: int, seed: int, processes: int | None,
                     layout: str) -> None:
    for name, count in (('train', train), ('val', val), ('seed', seed)):
        if count < 0:
            raise DataError(f'{name} is {count}, but must not be negative; give 0 or more')
    if train + val == 0:
        raise DataError('train and val are both 0, which leaves nothing to render; ask for at least one image')
    if min(height, width) < _SMALLEST_SIDE:
        raise DataError(f'the size is {height} x {width}, but rooms need at least {_SMALLEST_SIDE} pixels a side; '
                        'give a larger size')
    if layout not in LAYOUTS:
        raise DataError(f'layout {layout!r} is unknown; {suggest(layout, LAYOUTS)}')
    if processes is not None and processes < 1:
        raise DataError(f'processes is {processes}, but must be at least 1; omit it to use every processor')


def _missing_samples(folder: Path, manifest: Manifest) -> list[tuple[str, int]]:
    """The (split, index) of which at least one file is not there."""
    layout: DiskLayout = LAYOUTS[manifest.layout]()
    sizes = layout.sizes(manifest.height, manifest.width)
    missing = []
    for split, count in manifest.counts.items():
        for index in range(count):
            for kind, relative in layout.paths(split, index).items():
                path = folder / relative
                if not path.exists():
                    missing.append((split, index))
                    break
                size = path.stat().st_size
                if size != sizes.get(kind, size):
                    raise DataError(f'{path} has {size} bytes instead of {sizes[kind]}, so it is damaged; '
                                    'delete it and run the same command again')
    return missing


def _write_sample(folder: Path, manifest: Manifest, split: str, index: int) -> None:
    """Render one sample and write those of its files that are not there."""
    layout: DiskLayout = LAYOUTS[manifest.layout]()
    view = layout.render(sample_seed(manifest.seed, split, index), manifest.height, manifest.width)
    contents = layout.contents(view, manifest.invalid_pixels)
    for kind, path in layout.paths(split, index).items():
        if not (folder / path).exists():
            _create(folder / path, contents[kind])


def _create(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)


def _render_samples(folder: Path, manifest: Manifest, missing: list[tuple[str, int]], processes: int) -> None:
    columns = (BarColumn(), MofNCompleteColumn(), _RateColumn(), TextColumn('ETA'), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=120) as progress:
        bar = progress.add_task('', total=len(missing))
        for _ in _finished_samples(folder, manifest, missing, min(processes, len(missing))):
            progress.advance(bar)


def _finished_samples(folder: Path, manifest: Manifest, missing: list[tuple[str, int]],
                      processes: int) -> Iterator[None]:
    """Write the missing samples and yield once after each."""
    if processes <= 1:
        for split, index in missing:
            _write_sample(folder, manifest, split, index)
            yield
        return
    # Never a plain fork: the caller may hold threads. A fork server imports this module once for all workers. Pixels
    # are computed without BLAS, so workers start no threads that would compete.
    forkserver = 'forkserver' in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context('forkserver' if forkserver else 'spawn')
    if forkserver:
        context.set_forkserver_preload([__name__])
    # Ctrl-C is for the parent alone: workers finish the picture at hand and stop.
    with ProcessPoolExecutor(processes, mp_context=context, initializer=signal.signal,
                             initargs=(signal.SIGINT, signal.SIG_IGN)) as pool:
        futures = [pool.submit(_write_sample, folder, manifest, *sample) for sample in missing]
        try:
            for future in as_completed(futures):
                future.result()
                yield
        finally:  # after an error or Ctrl-C, leaving the pool would otherwise wait for all that is queued
            for future in futures:
                future.cancel()


class _RateColumn(ProgressColumn):
    """Images per second."""

    def render(self, task):
        return f'{task.speed:.1f} images/s' if task.speed else '-- images/s'


def _usable_processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def _class_shares(folder: Path, manifest: Manifest) -> dict[str, dict[str, float]]:
    """Share of the pixels of each split that each class has, read back from the files."""
    layout: DiskLayout = LAYOUTS[manifest.layout]()
    names = ('unlabelled', *layout.classes)
    shares = {}
    for split, count in manifest.counts.items():
        pixels = np.zeros(len(names), np.int64)
        for index in range(count):
            label = layout.labels(folder, split, index).astype(np.int64)
            pixels += np.bincount(label.reshape(-1) + 1, minlength=len(names))
        rounded = (pixels / max(pixels.sum(), 1)).round(6).tolist()
        shares[split] = dict(zip(names, rounded, strict=True))
    return shares
