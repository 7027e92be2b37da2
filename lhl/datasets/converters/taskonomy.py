"""Taskonomy at the size at which it is learned, in the same folders and encodings: smaller, and quicker to load."""
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from lhl.datasets.io.file_bytes import encode_png
from lhl.datasets.io.files import load_picture
from lhl.datasets.taskonomy.encodings import ENCODINGS, HOLE, decode_normals, encode_normals, load_encoded
from lhl.datasets.taskonomy.views import View, find_buildings, find_container, find_views, read_skip_list, view_path
from lhl.errors import ConfigError, DataError, suggest

from .base import Conversion, record_options, run_conversions, source
from .resizing import resize_mean, resize_nearest

#: A mixture of a near and a far surface, or of two classes, lies where nothing is.
NEAREST = ('depth_zbuffer', 'depth_euclidean', 'segment_semantic')


def convert_taskonomy(release: str | Path, out: str | Path, size: int = 256, domains: Sequence[str] = tuple(ENCODINGS),
                      buildings: Sequence[str] = (), skip: Sequence[str] | str | Path = ()) -> int:
    """Shrink the images and some domains of some buildings, or what is missing of the conversion.

    Depths and classes are those of the pixel at the centre of each new one; all else is averaged over its area, holes
    excluded, and normals are scaled to unit length again. Which new pixels are holes follows from the new
    depth_zbuffer, so it is converted with every domain that has holes. Edges and keypoints are thin: their magnitudes
    become smaller. More domains or buildings can be added to ``out`` later.

    Args:
        release: A folder in any of the shapes that the data set is read from.
        out: A new folder, or one that an earlier call with the same size has written to.
        size: Rows and columns of the new files, at most those of the old.
        domains: What to convert beside the images.
        buildings: Of which buildings; of all if none is named.
        skip: The views to skip, as for :class:`~lhl.datasets.taskonomy.dataset.Taskonomy`.

    Returns:
        How many views were converted by this call.

    Raises:
        ConfigError: If a domain does not exist.
        DataError: If files are missing or cannot be used, or ``out`` holds something else.
    """
    release, out = Path(release).expanduser(), Path(out).expanduser()
    for domain in domains:
        if domain not in ENCODINGS:
            raise ConfigError(f'Taskonomy has no domain {domain!r}; {suggest(domain, ENCODINGS)}')
    if size < 1:
        raise DataError(f'the size is {size}, expected at least one row and column; give a larger size')
    masked = any(ENCODINGS[domain].masked for domain in domains)
    wanted = [domain for domain in ENCODINGS if domain in domains or masked and domain == 'depth_zbuffer']
    container = find_container(release)
    found = find_buildings(release, container)
    for building in buildings:
        if building not in found:
            raise DataError(f'{str(release)!r} holds no images of building {building!r}; {suggest(building, found)}')
    views = sorted(find_views(release, container, 'rgb', buildings or found) - read_skip_list(skip))
    _check_complete(release, container, views, wanted)
    record_options(out, dict(data_set='Taskonomy', size=size))
    conversions = []
    for view in views:
        outputs = {domain: out / view_path(container, view, domain) for domain in (*wanted, 'rgb')}
        make = partial(_shrink, release, container, view, outputs, size)
        conversions.append(Conversion(str(view), tuple(outputs.values()), make))
    return run_conversions(conversions, 'views')


def _check_complete(release: Path, container: str, views: Sequence[View], domains: Sequence[str]) -> None:
    buildings = sorted({view.building for view in views})
    for domain in domains:
        missing = set(views) - find_views(release, container, domain, buildings)
        if missing:
            path = release / view_path(container, min(missing), domain)
            raise DataError(f'{str(path)!r} is missing, one of {len(missing)} of the {len(views)} views without '
                            f'{domain}; restore it, skip the view with `skip={min(missing)}`, or '
                            f'choose other `domains`')


def _shrink(release: Path, container: str, view: View, outputs: Mapping[str, Path], size: int) -> Mapping[Path, bytes]:
    """Make the files of one view."""
    contents, valid = {}, None
    for domain, output in outputs.items():  # depth_zbuffer comes before every other domain with holes
        path = release / view_path(container, view, domain)
        with source(path):
            try:
                picture = load_picture(path) if domain == 'rgb' else load_encoded(path, domain)
                if min(picture.shape[:2]) < size:
                    raise ValueError(f'found {picture.shape[0]} x {picture.shape[1]} pixels, expected at least {size} '
                                     f'a side; ask for a smaller size')
                if domain == 'depth_zbuffer':
                    valid = picture != HOLE
                mask = valid if domain != 'rgb' and ENCODINGS[domain].masked else None
                if mask is not None and mask.shape != picture.shape[:2]:
                    raise ValueError(f'found shape {picture.shape[:2]}, expected {mask.shape} as depth_zbuffer has; '
                                     f'restore it from the archive')
                contents[output] = encode_png(shrink(picture, domain, size, mask))
            except ValueError as error:
                raise ValueError(f'{error}, or skip the view with `skip={view}`') from error
    return contents


def shrink(picture: np.ndarray, domain: str, size: int, valid: np.ndarray | None = None) -> np.ndarray:
    """Resize the file of a domain.

    Args:
        picture: As it is stored, ``(H, W)`` or ``(H, W, 3)``.
        domain: Which, or ``'rgb'``.
        size: Rows and columns of the result.
        valid: ``(H, W)`` bool, False in holes; everything is valid by default.

    Returns:
        The picture to store; areas without any valid pixel hold what Taskonomy stores in holes.
    """
    if domain in NEAREST:
        return resize_nearest(picture, size, size)
    if domain == 'normal':
        normals = decode_normals(picture)
        known = (normals != 0).any(axis=-1)
        means = resize_mean(normals, size, size, known if valid is None else known & valid)
        lengths = np.linalg.norm(means, axis=-1, keepdims=True)
        return encode_normals(np.nan_to_num(means / np.where(lengths > 1e-3, lengths, np.nan)))
    hole = 127 if domain == 'principal_curvature' else 0  # 127 is flat
    return np.rint(np.nan_to_num(resize_mean(picture, size, size, valid), nan=hole)).astype(picture.dtype)
