"""What the stored numbers of a task mean: options for its targets and its kind, and a line that says so."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lhl.errors import ConfigError, DataError, suggest

from .contents import MAX_CLASSES, Content

#: Of depth; no scene of this kind is deeper than 1000 m, and none as flat as millimetres would be in metres.
MILLIMETRE, DEEPEST = 0.001, 1000.0


@dataclass
class Encoding:
    """How a task is stored.

    Args:
        files: Options of its targets, see :class:`lhl.datasets.io.target_files.TargetFiles`.
        task: The config of the task.
        found: What was found, in words.
    """

    task: dict[str, Any]
    files: dict[str, Any] = field(default_factory=dict)
    found: str = ''


def kind_of(name: str, kind: str) -> str:
    """Tell the kind of a task by the word that its name holds, unless it is given.

    Raises:
        ConfigError: If it is unknown, or the name holds no such word.
    """
    if kind:
        if kind not in KINDS:
            raise ConfigError(f'`target` {name}:{kind} is of an unknown kind; {suggest(kind, KINDS)}')
        return kind
    found = next((kind for word, kind in _WORDS.items() if word in name.lower()), None)
    if found is None:
        raise ConfigError(f'`target` {name} does not say what kind of task it is; write {name}:KIND=FOLDER with one of '
                          f'{", ".join(KINDS)}')
    return found


def encoding_of(name: str, kind: str, content: Content, classes: Sequence[str] | None) -> Encoding:
    """Say what the numbers of a task mean.

    Args:
        name: Of the task.
        kind: One of :data:`KINDS`.
        content: What its files hold.
        classes: The names of its classes, if they are given.

    Raises:
        DataError: If they cannot be of this kind.
    """
    encoding = KINDS[kind](name, content, classes)
    stored = f'{content.bits}-bit' if content.dtype.kind in 'iu' else str(content.dtype)
    colour = ' in three channels' if content.channels == 3 else ''
    unreadable = f'; {content.unreadable} cannot be read' if content.unreadable else ''
    encoding.found = f'{content.files} files of {stored} numbers{colour}: {encoding.found}{unreadable}'
    return encoding


def _segmentation(name: str, content: Content, classes: Sequence[str] | None) -> Encoding:
    in_colours = content.channels == 3 and not content.is_grey
    if content.too_many or (content.channels == 3 and content.dtype != np.uint8) or content.channels not in (1, 3):
        raise DataError(f'the files of {name} hold {content.channels} channels of {content.dtype} with more than '
                        f'{MAX_CLASSES} colours, expected one number or colour per class; give the folder with the '
                        f'masks')
    if not content.is_whole and (content.dtype.kind == 'f' or content.high > 65535 or content.negative):
        raise DataError(f'the files of {name} hold numbers of type {content.dtype}, expected classes from 0 to '
                        f'{MAX_CLASSES - 1} in 8 or 16 bits; export them again, or name another kind, such as '
                        f'{name}:depth=FOLDER')
    numbers = sorted(content.colours) if in_colours else content.numbers
    last = max((number for number in numbers if number != 65535), default=0)
    ignored = [] if in_colours else [number for number in numbers if number == 65535 or number == last == 255]
    labels = [number for number in numbers if number not in ignored]
    if labels == [0] and ignored == [255]:  # a mask of black and white
        labels, ignored = [0, 255], []
    if len(labels) > MAX_CLASSES:
        raise DataError(f'the files of {name} hold {len(labels)} different numbers up to {labels[-1]}, which are no '
                        f'classes; name its kind, such as {name}:depth=FOLDER')
    shown = [f'#{label:06x}' if in_colours else label for label in labels]
    if classes is not None and len(classes) < len(labels):
        raise DataError(f'the masks of {name} hold {len(labels)} values ({_listed(shown)}), but `classes` names '
                        f'{len(classes)} ({_listed(classes)}); name one class for each value')
    is_identity = not in_colours and (labels[-1] < len(classes) if classes is not None
                                      else labels[-1] < 2 * len(labels))
    num_classes = len(classes) if classes is not None else labels[-1] + 1 if is_identity else len(labels)
    files: dict[str, Any] = {}
    if not is_identity:
        files['mapping'] = {label: index for index, label in enumerate(shown)}
    if ignored:
        files['invalid'] = ignored[0] if len(ignored) == 1 else ignored
    if num_classes == 1:
        raise DataError(f'the masks of {name} hold a single value ({shown[0]}), expected one per class; give the '
                        f'folder with the masks')
    names = list(classes or (['background', 'object'] if num_classes == 2 else _names(shown, num_classes, is_identity)))
    what = f'{len(labels)} {"colours" if in_colours else "values"} ({_listed(shown)})'
    return Encoding(dict(type='SemanticSegmentation', num_classes=num_classes, classes=names), files,
                    what + f', ignored: {_listed(ignored)}' * bool(ignored))


def _names(labels: Sequence[Any], num_classes: int, is_identity: bool) -> list[str]:
    return [f'class {label}' for label in (range(num_classes) if is_identity else labels)]


def _distances(kind: str, default_scale: float, unit: str) -> Callable:
    """Make what reads distances and the like, which are above 0: 0, NaN, and numbers that stand for nothing else are
    unknown.

    Args:
        kind: The class of the task.
        default_scale: Of 16-bit numbers.
        unit: Of the values.
    """
    def encoding(name: str, content: Content, classes: Sequence[str] | None) -> Encoding:
        files: dict[str, Any] = {}
        _refuse_colours(name, content)
        if content.is_whole:
            files['scale'] = default_scale if content.bits == 16 else 1 / 255
            invalid: list[Any] = [number for number in (0, 2**content.bits - 1) if content.counts[number]]
            used = np.arange(65536.) * files['scale']
            keep = np.isin(np.arange(65536), invalid, invert=True)
            counts, trained = content.counts * keep, content.trained * keep
            if not trained.any():
                raise DataError(f'the files of {name} hold nothing but {" and ".join(map(str, invalid))}, which stand '
                                f'for what is unknown; check the folder')
            values = used[counts > 0]
            low, high, mean = values.min(), values.max(), np.average(used, weights=trained)
            std = np.average(np.square(used - mean), weights=trained)**0.5
            means = f', taken as {_UNITS.get(files["scale"], "256 steps a unit")}'
            invalid = invalid or [0]
        else:
            count, total, squares = content.moments
            if not count:
                raise DataError(f'the files of {name} hold no number above 0, expected {unit or "disparities"}; check '
                                f'the folder')
            scale = MILLIMETRE if unit and total / count > DEEPEST / 10 else 1.0
            if scale != 1 or content.dtype.kind != 'f':
                files['scale'] = scale
            mean, std = total / count * scale, max(squares / count - (total / count)**2, 0)**0.5 * scale
            low, high = max(content.low, 0) * scale, content.high * scale
            means = ', taken as millimetres' if scale != 1 else ''
            invalid = [0, *['nan'] * bool(content.nan), *['inf', '-inf'] * bool(content.infinite), *content.negative]
            if len(content.negative) > 3:
                raise DataError(f'the files of {name} hold many numbers below 0, down to {content.low:g}, expected '
                                f'what lies in front of the camera; check the folder')
        files['invalid'] = invalid[0] if len(invalid) == 1 else invalid
        found = f'{low:.5g} to {high:.5g} {unit}'.rstrip() + f'{means}, unknown: {_listed(invalid)}'
        return Encoding(dict(type=kind, mean=_short(mean), std=_short(std) or 1.0), files, found)

    return encoding


_UNITS = {MILLIMETRE: 'millimetres', 1 / 255: '0 to 1, as 8 bits hold no metres'}


def _normals(name: str, content: Content, classes: Sequence[str] | None) -> Encoding:
    if content.channels != 3 or (content.dtype.kind != 'f' and not content.is_whole):
        raise DataError(f'the files of {name} hold {content.channels} channels of {content.dtype}, expected three of 8 '
                        f'or 16 bits, or of floats; give the folder with the normals')
    if content.dtype.kind == 'f':
        if not 0.9 < content.lengths < 1.1:
            raise DataError(f'the normals of {name} are {content.lengths:.3g} long on average, expected 1; store unit '
                            f'vectors with components from -1 to 1')
        invalid = ['nan'] if content.nan else []
        return Encoding(dict(type='SurfaceNormalEstimation'), dict(invalid='nan') if invalid else {}, 'unit vectors')
    most = 2**content.bits - 1
    return Encoding(dict(type='SurfaceNormalEstimation'),
                    dict(scale=2 / most, offset=-1, invalid=[0, most // 2, most // 2 + 1]),
                    f'0 is -1 and {most} is 1')


def _one_of_two(kind: str) -> Callable:
    """Make what reads masks of 0 and 1, or of 0 and 255."""
    def encoding(name: str, content: Content, classes: Sequence[str] | None) -> Encoding:
        numbers = content.numbers
        if not content.is_whole or len(numbers) != 2 or numbers[0] != 0:
            raise DataError(f'the files of {name} hold the numbers {_listed(numbers)} of type {content.dtype}, '
                            f'expected two, such as 0 and 255; compare the map with a threshold')
        return Encoding(dict(type=kind), _grey(content, scale=1 / numbers[1]), f'0 and {numbers[1]}')

    return encoding


def _numbers(kind: str, scales: dict[int, float], channels: int = 1) -> Callable:
    """Make what reads numbers of any sign, standardised by those that were found.

    Args:
        kind: The class of the task.
        scales: The scale of whole numbers, by how many bits they have.
        channels: Of the task.
    """
    def encoding(name: str, content: Content, classes: Sequence[str] | None) -> Encoding:
        is_grey = content.channels == 3 and content.is_grey and channels == 1
        if content.channels != channels and not is_grey:
            raise DataError(f'the files of {name} hold {content.channels} channels, expected {channels}; check the '
                            f'folder')
        if not content.is_whole:
            unknown = dict(invalid='nan') if content.nan else {}
            unit = dict(scale=1) if content.dtype.kind != 'f' else {}
            return Encoding(dict(type=kind), {**unit, **unknown}, f'{content.low:.4g} to {content.high:.4g}')
        scale, stored = scales[content.bits], np.arange(65536.)
        mean = np.average(stored, weights=content.trained)
        std = np.average(np.square(stored - mean), weights=content.trained)**0.5
        return Encoding(dict(type=kind, mean=_short(mean * scale), std=_short(std * scale) or 1.0),
                        _grey(content, scale=scale),
                        f'{content.numbers[0] * scale:.5g} to {content.numbers[-1] * scale:.5g}')

    return encoding


def _grey(content: Content, **options: Any) -> dict:
    return {**options, 'channels': [0]} if content.channels == 3 else options


def _refuse_colours(name: str, content: Content) -> None:
    if content.channels != 1:
        raise DataError(f'the files of {name} hold {content.channels} channels of {content.dtype}, expected one number '
                        f'per pixel; give the folder with the numbers, not pictures of them')


def _short(value: float) -> float:
    return float(f'{value:.4g}')


def _listed(values: Sequence[Any]) -> str:
    """The first of many values."""
    if list(values) == list(range(len(values))) and len(values) > 2:
        return f'0 to {len(values) - 1}'
    return ', '.join(map(str, values[:8])) + ', ...' * (len(values) > 8)


#: How each kind is read.
KINDS: dict[str, Callable[[str, Content, Sequence[str] | None], Encoding]] = dict(
    segmentation=_segmentation,
    depth=_distances('DepthEstimation', MILLIMETRE, 'm'),
    distance=_distances('EuclideanDistanceEstimation', MILLIMETRE, 'm'),
    disparity=_distances('DisparityEstimation', 1 / 256, ''),
    normal=_normals,
    boundary=_one_of_two('BoundaryDetection'),
    saliency=_one_of_two('SaliencyEstimation'),
    edges=_numbers('EdgeEstimation', {8: 257, 16: 1}),
    keypoints=_numbers('KeypointEstimation', {8: 257, 16: 1}),
    reshading=_numbers('ReshadingEstimation', {8: 1 / 255, 16: 1 / 65535}),
    curvature=_numbers('PrincipalCurvatureEstimation', {8: 1, 16: 1}, channels=2))

#: What the name of a task holds, and of which kind it then is.
_WORDS = dict(dispar='disparity', distance='distance', depth='depth', normal='normal', boundar='boundary',
              salien='saliency', keypoint='keypoints', reshad='reshading', curvature='curvature', edge='edges',
              segment='segmentation', semantic='segmentation', seg='segmentation', label='segmentation',
              mask='segmentation', classes='segmentation')
