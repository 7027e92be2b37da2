"""From the readings of all samples to a report: what is wrong, what is worth knowing, and the sums."""
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add

import numpy as np
from mmengine.config import Config

from lhl.datasets import DenseDataset, FolderDataset
from lhl.tasks import DepthEstimation, SurfaceNormalEstimation, Task

from .axes import CONVENTIONS, AxisFit, describe
from .reading import Reading
from .report import Problem, Report, SplitReport
from .statistics import Moments, TargetStatistics

FARTHEST = 1000.0  # metres: no scene of this kind is deeper
UNRELATED = 45.0  # degrees: random normals of visible surfaces are farther apart than this


def make_report(config: str, cfg: Config, datasets: Mapping[str, DenseDataset],
                readings: Mapping[str, Sequence[Reading]], problems: Sequence[Problem]) -> Report:
    """Add up the readings of all splits.

    Args:
        config: The config's name.
        cfg: The stream's config.
        datasets: The data sets that could be built, by the name of the split.
        readings: Of each, one reading per sample.
        problems: What is known to be wrong already.
    """
    report = Report(config, list(problems))
    training: dict[str, TargetStatistics] = {}
    for name, dataset in datasets.items():
        report.problems += [Problem(kind, name, sentence) for reading in readings[name]
                            for kind, sentence in reading.problems]
        targets = {}
        for task in dataset.tasks:
            found = [reading.targets[task] for reading in readings[name] if task in reading.targets]
            if found:
                targets[task] = reduce(add, found)
        report.splits[name] = _split_report(dataset, readings[name], targets)
        _look_at_split(report, name, dataset, readings[name], targets)
        if not is_validation(name):
            training |= targets
    _look_for_twins(report, readings)
    axes = [reading.axes for several in readings.values() for reading in several if reading.axes]
    if axes:
        _look_at_axes(report, reduce(add, axes), datasets)
    tasks = {name: task for dataset in datasets.values() for name, task in dataset.tasks.items()}
    for name, statistics in training.items():
        if tasks[name].mean and statistics.moments:
            _look_at_scale(report, tasks[name], cfg.tasks[name].to_dict(), statistics.moments)
    return report


def is_validation(name: str) -> bool:
    """Tell by its name whether a data set is scored on: ``val``, or ``val (depth)`` where phases have their own."""
    return name.split(' ')[0] == 'val'


def _split_report(dataset: DenseDataset, readings: Sequence[Reading],
                  targets: Mapping[str, TargetStatistics]) -> SplitReport:
    """Turn the sums of one split into plain numbers."""
    sizes = Counter(f'{reading.size[0]} x {reading.size[1]}' for reading in readings if reading.size)
    numbers = {}
    for name, found in targets.items():
        numbers[name] = dict(
            images=found.images, without=len(readings) - found.images, valid=found.valid_pixels / found.pixels)
        if found.moments:
            numbers[name] |= {key: getattr(found.moments, key).tolist() for key in ('low', 'high', 'mean', 'std')}
        if found.class_pixels is not None:
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


def _look_for_twins(report: Report, readings: Mapping[str, Sequence[Reading]]) -> None:
    """Look for images with the same pixels."""
    twins: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, several in readings.items():
        for reading in several:
            if reading.digest:
                twins[reading.digest].append((name, reading.path))
    repeated = []
    for places in twins.values():
        trained = [path for name, path in places if not is_validation(name)]
        scored = [path for name, path in places if is_validation(name)]
        if trained and scored:
            report.problems.append(Problem(
                'in two splits', 'train and val', f'{trained[0]!r} and {scored[0]!r} have the same pixels, so the '
                f'metrics measure what was learned by heart; remove one of them'))
        # The data sets of several phases may share images; within one there should be no other.
        first = {}
        repeated += [(first[name], path) for name, path in places if first.setdefault(name, path) != path]
    if repeated:
        report.notes.append(f'images that repeat the pixels of another one of their split: {len(repeated)}, such as '
                            f'{repeated[0][1]!r}, the same as {repeated[0][0]!r}')


def _look_at_axes(report: Report, axes: AxisFit, datasets: Mapping[str, DenseDataset]) -> None:
    """Compare the stored axes of normals with those of the depth."""
    best, expected = axes.best, axes.mean_angle(0)
    fit = f'on average {axes.mean_angle(best):.1f} degrees from those of the depth'
    if axes.mean_angle(best) > UNRELATED:
        report.axes = f'Under no axes do the normals fit the depth: the best are {fit}.'
        report.problems.append(Problem('axes', 'all', f'the normals fit the depth under no axes (the best are {fit}); '
                                       f'check that both are in the frame of the camera and belong to the same images'))
    elif best == 0:
        report.axes = (f'As expected, x to the right, y down, z forward, facing the camera: the normals are {fit}, '
                       f'assuming a usual field of view.')
    else:
        cure = _axes_cure(best, datasets)
        report.axes = (f'Stored otherwise than lhl expects (x to the right, y down, z forward, facing the camera). '
                       f'With {describe(best)} component the normals are {fit}; as they are, {expected:.1f}. '
                       f'To correct them, {cure}.')
        report.problems.append(Problem('axes', 'all', f'the normals fit the depth in other axes ({describe(best)} '
                                       f'component: {fit}, instead of {expected:.1f}); {cure}'))


def _axes_cure(convention: int, datasets: Mapping[str, DenseDataset]) -> str:
    """Say how to read normals that are stored under a convention."""
    order, signs = CONVENTIONS[convention]
    for dataset in datasets.values():
        for name, task in dataset.tasks.items():
            if isinstance(dataset, FolderDataset) and type(task) is SurfaceNormalEstimation:
                options = dataset.target_files[name].in_other_axes(order, signs)
                return f'set targets.{name} to ' + ', '.join(f'{key}={value}' for key, value in options.items())
    return f'store components {list(order)} of them, counted from 0, times {list(signs)}'


def _look_at_scale(report: Report, task: Task, config: Mapping, moments: Moments) -> None:
    """Write the config of a task with the mean and std of its training images, and compare."""
    mean, std = moments.mean, moments.std
    if not std.all():
        report.notes.append(f'all targets of {task.name} have one value; there is nothing to learn')
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
