"""In which axes the normals of a folder are stored, as far as the depth of the same images can tell."""
from collections.abc import Iterable
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from lhl.datasets.io.target_files import TargetFiles

from ..dataset_check.axes import CONVENTIONS, MARGIN, AxisFit, describe, fit_axes
from ..dataset_check.findings import UNRELATED
from .contents import read_raw

#: What lhl expects, and what is written where nothing speaks for anything else.
EXPECTED = 'taken as x to the right, y down, z forward, facing the camera'
#: Where to change it.
_OPTION = "if they are not, change the signs of `scale` and the order of `channels` in _targets"


def find_axes(normal: TargetFiles, depth: TargetFiles | None,
              pairs: Iterable[tuple[Path, Path]]) -> tuple[dict[str, Any], str]:
    """Compare normals with those of the depth, under all 48 axes.

    Args:
        normal: How the normals are stored, in whatever axes.
        depth: How the depth is stored; None without depth.
        pairs: The files of normals and depth of some images.

    Returns:
        The options of the normals that bring them to what lhl expects, and a sentence on what was found. There are
        none where it is expected already, and where the depth does not tell: where it is missing or too small, fits
        under no axes, or, as with a wall in front of the camera, nearly as well under several.
    """
    if depth is None:
        return {}, f'no depth tells their axes, {EXPECTED}; {_OPTION}'
    fits = [fit for paths in pairs if (fit := _fit(normal, depth, *paths)) is not None]
    if not fits:
        return {}, f'too little depth beside them to tell their axes, {EXPECTED}; {_OPTION}'
    fit = reduce(add, fits)
    best, second = np.argsort(fit.degrees, kind='stable')[:2].tolist()
    angle, next_angle = fit.mean_angle(best), fit.mean_angle(second)
    if angle > UNRELATED:
        return {}, f'they fit the depth under no axes (the best are {angle:.0f} degrees off), {EXPECTED}; {_OPTION}'
    if next_angle - angle < MARGIN:
        return {}, (f'the depth does not tell their axes ({describe(best)} component are {angle:.0f} degrees off, '
                    f'{describe(second)} {next_angle:.0f}), {EXPECTED}; {_OPTION}')
    if best == 0:
        return {}, f'x to the right, y down, z forward, as the depth says ({angle:.0f} degrees off)'
    return normal.in_other_axes(*CONVENTIONS[best]), (
        f'{describe(best)} component, as the depth says ({angle:.0f} degrees off, {fit.mean_angle(0):.0f} as they are '
        f'stored), which scale, offset and channels in _targets correct')


def _fit(normal: TargetFiles, depth: TargetFiles, normal_path: Path, depth_path: Path) -> AxisFit | None:
    """Compare those of an image; None where something is wrong with it, which the check says."""
    try:
        vectors, known = normal.decode_values(normal.choose_channels(read_raw(normal_path, False)), 3)
        distances, measured = depth.decode_values(depth.choose_channels(read_raw(depth_path, False)), 1)
        if vectors.shape[:2] != distances.shape[:2]:
            return None
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        known &= lengths[..., 0] > 0
        return fit_axes(distances[..., 0], vectors / np.where(lengths > 0, lengths, 1), known & measured)
    except ValueError:
        return None
