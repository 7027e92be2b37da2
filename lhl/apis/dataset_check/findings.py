"""From the readings of all samples to a report: what is wrong, what is worth knowing, and the sums."""
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from lhl.datasets import DenseDataset, FolderDataset
from lhl.tasks import DepthEstimation, SurfaceNormalEstimation, Task

from .axes import CONVENTIONS, AxisFit, describe
from .reading import Reading
from .report import Problem, Report, SplitReport
from .splits import Split
from .statistics import Moments, TargetStatistics

FARTHEST = 1000.0  # metres: no scene of this kind is deeper
UNRELATED = 45.0  # degrees: random normals of visible surfaces are farther apart than this


def make_report(config: str, tasks: Mapping[str, dict], splits: Mapping[str, Split],
                readings: Mapping[str, Sequence[Reading]], problems: Sequence[Problem]) -> Report:
    """Add up the readings of all splits.

    Args:
        config: The config's name.
        tasks: The configs of the stream's tasks.
        splits: The data sets that could be built, by name.
        readings: For each of them one reading per sample.
        problems: What is known to be wrong already.
    """
    report = Report(config, list(problems))
    for name, split in splits.items():
        report.problems += [Problem(kind, name, sentence) for reading in readings[name]
                            for kind, sentence in reading.problems]
        targets: dict[str, TargetStatistics] = {}
        for task_name in split.dataset.tasks:
            found = [reading.targets[task_name] for reading in readings[name] if task_name in reading.targets]
            if found:
                targets[task_name] = reduce(add, found)
        report.splits[name] = _split_report(split.dataset, readings[name], targets)
        _look_at_split(report, name, split.dataset, readings[name], targets)
        for task_name, statistics in targets.items():
            task = split.dataset.tasks[task_name]
            if split.is_training and task.mean and statistics.moments:
                look_at_scale(report, task, tasks[task_name], statistics.moments)
    find_duplicates(report, splits, readings)
    look_at_axes(report, splits, readings)
    return report


def _split_report(dataset: DenseDataset, readings: Sequence[Reading],
                  targets: Mapping[str, TargetStatistics]) -> SplitReport:
    """Turn the sums of one split into plain numbers."""
    sizes = Counter(f'{reading.size[0]} x {reading.size[1]}' for reading in readings if reading.size)
    numbers: dict[str, dict[str, Any]] = {}
    for name, found in targets.items():
        numbers[name] = dict(
            images=found.images, without=len(readings) - found.images, valid=found.valid_pixels / found.pixels)
        if found.moments:
            numbers[name] |= {key: getattr(found.moments, key).tolist() for key in ('low', 'high', 'mean', 'std')}
        if found.class_pixels is not None and found.class_images is not None:
            shares = found.class_pixels / max(found.class_pixels.sum(), 1)
            dense = not dataset.tasks[name].image_level
            numbers[name]['classes'] = {
                label: dict(dict(pixels=float(shares[index])) if dense else {}, images=int(found.class_images[index]))
                for index, label in _class_names(dataset, name).items()}
    parts = len(dataset.samples) - len(dataset)
    return SplitReport(len(dataset), parts, sum(bool(reading.problems) for reading in readings),
                       dict(sizes.most_common()), numbers)


def _class_names(dataset: DenseDataset, task: str) -> dict[int, str]:
    """The names of a task's classes, or their numbers; distinct. An image-level task may have some of its head's."""
    names = dataset.tasks[task].classes
    return {index: f'{index} {names[index]}' for index in dataset.tasks[task].labels}


def _look_at_split(report: Report, name: str, dataset: DenseDataset, readings: Sequence[Reading],
                   targets: Mapping[str, TargetStatistics]) -> None:
    """Look for what only shows over all images of a split."""
    split = report.splits[name]
    if split.left_out:
        report.notes.append(f'{name}: {split.left_out} of {len(dataset.samples)} images are not used: they have no '
                            f'target, or the config takes only a part')
    if len(split.sizes) > 1:
        report.notes.append(f'{name}: the images have {len(split.sizes)} sizes; bring them to one in the pipeline with '
                            f'Resize or RandomResizedCropPad, or set batch_size=1')
    plain = [reading.path for reading in readings if reading.pixels and not reading.pixels.std.any()]
    if plain:
        report.notes.append(f'{name}: images of one colour only: {len(plain)}, such as {plain[0]!r}')
    for task, found in targets.items():
        empty = len(readings) - found.images
        if not found.images:
            what = ('no image is of a class of' if dataset.tasks[task].image_level
                    else 'no pixel of any image has a valid target for')
            report.problems.append(Problem('no target', name, f'{what} {task}; check its encoding, and what is '
                                           f'declared invalid'))
        elif empty and not dataset.tasks[task].image_level:  # whose images are those of its classes
            report.notes.append(f'{name}: images without a valid pixel for {task}: {empty} of {len(readings)}')
        if found.class_images is not None and found.images:
            absent = [label for index, label in _class_names(dataset, task).items() if not found.class_images[index]]
            if absent:
                report.notes.append(f'{name}: no image has these classes of {task}: {", ".join(absent)}')
        if type(dataset.tasks[task]) is DepthEstimation and found.moments and found.moments.high[0] > FARTHEST:
            report.notes.append(f'{name}: {task} goes up to {found.moments.high[0]:g} m, as if it were stored in '
                                f'millimetres or infinity in a number; declare its scale, and what is invalid')


def find_duplicates(report: Report, splits: Mapping[str, Split], readings: Mapping[str, Sequence[Reading]]) -> None:
    """Find images with the same pixels: a problem between training and validation, a note within one split."""
    same: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, of_split in readings.items():
        for reading in of_split:
            if reading.digest:
                same[reading.digest].append((name, reading.path))
    repeated = []
    for places in same.values():
        trained = [place for place in places if splits[place[0]].is_training]
        scored = [place for place in places if not splits[place[0]].is_training]
        if trained and scored:
            (training, trained_path), (validation, scored_path) = trained[0], scored[0]
            what = (f'{trained_path!r} and {scored_path!r} have the same pixels' if trained_path != scored_path
                    else f'{trained_path!r} is in both')
            report.problems.append(Problem('in two splits', f'{training} and {validation}', f'{what}, so the metrics '
                                           f'measure what was learned by heart; remove it from one of them'))
        # The data sets of several phases may share images; within one there should be no other.
        first: dict[str, str] = {}
        repeated += [(first[name], path) for name, path in places if first.setdefault(name, path) != path]
    if repeated:
        report.notes.append(f'images that repeat the pixels of another one of their split: {len(repeated)}, such as '
                            f'{repeated[0][1]!r}, the same as {repeated[0][0]!r}')


def look_at_axes(report: Report, splits: Mapping[str, Split], readings: Mapping[str, Sequence[Reading]]) -> None:
    """Compare the stored axes of normals with those of the depth, in every split, as each may be stored otherwise."""
    fits: dict[int | None, dict[str, AxisFit]] = {}
    for name, of_split in readings.items():
        axes = [reading.axes for reading in of_split if reading.axes]
        if axes:
            fit = reduce(add, axes)
            fits.setdefault(fit.best if fit.mean_angle(fit.best) <= UNRELATED else None, {})[name] = fit
    for best, by_split in fits.items():
        names, fit = ', '.join(by_split), reduce(add, by_split.values())
        close = f'on average {fit.mean_angle(fit.best if best is None else best):.1f} degrees from those of the depth'
        if best is None:
            text = f'Under no axes do the normals fit the depth: the best are {close}.'
            report.problems.append(Problem('axes', names, f'the normals fit the depth under no axes (the best are '
                                           f'{close}); check that both are in the frame of the camera and belong to '
                                           f'the same images'))
        elif best == 0:
            text = (f'As expected, x to the right, y down, z forward, facing the camera: the normals are {close}, '
                    f'assuming a usual field of view.')
        else:
            cure = _axes_cure(best, [splits[name].dataset for name in by_split])
            expected = fit.mean_angle(0)
            text = (f'Stored otherwise than lhl expects (x to the right, y down, z forward, facing the camera). '
                    f'With {describe(best)} component the normals are {close}; as they are, {expected:.1f}. '
                    f'To correct them, {cure}.')
            report.problems.append(Problem('axes', names, f'the normals fit the depth in other axes ({describe(best)} '
                                           f'component: {close}, instead of {expected:.1f}); {cure}'))
        report.axes += ('\n\n' if report.axes else '') + (f'{names}: {text}' if len(fits) > 1 else text)


def _axes_cure(convention: int, datasets: Sequence[DenseDataset]) -> str:
    """Describe how to read normals that are stored under a convention."""
    order, signs = CONVENTIONS[convention]
    for dataset in datasets:
        for name, task in dataset.tasks.items():
            if isinstance(dataset, FolderDataset) and type(task) is SurfaceNormalEstimation:
                options = dataset.target_files[name].in_other_axes(order, signs)
                return f'set targets.{name} to ' + ', '.join(f'{key}={value}' for key, value in options.items())
    return f'store components {list(order)} of them, counted from 0, times {list(signs)}'


def look_at_scale(report: Report, task: Task, config: Mapping, moments: Moments) -> None:
    """Write the config of a task with the mean and std of its training images, and compare."""
    mean, std = moments.mean, moments.std
    if not std.all():
        report.notes.append(f'a channel of all targets of {task.name} has one value; there is nothing to learn in it')
        return
    numbers = {key: float(f'{values[0]:.4g}') if len(values) == 1 else [float(f'{value:.4g}') for value in values]
               for key, values in (('mean', mean), ('std', std))}
    options = ', '.join(f'{key}={value!r}' for key, value in dict(config, **numbers).items())
    report.config_lines.append(f'{task.name}=dict({options})')
    if (np.abs(task.mean - mean) > std).any() or (np.abs(np.log2(task.std / std)) > 1).any():
        given = f'mean={", ".join(f"{value:g}" for value in task.mean)} and std=' + ', '.join(
            f'{value:g}' for value in task.std)
        report.notes.append(f'{task.name} is configured with {given}, the training images have other statistics; '
                            f'the report has the line to paste')
