"""PASCAL-Context with its MATLAB files decoded once: human parts, boundaries, and the normals that count."""
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from lhl.datasets.io.file_bytes import encode_png
from lhl.datasets.io.files import load_picture
from lhl.datasets.io.split_lists import find_files, read_names
from lhl.datasets.io.target_pictures import load_class_indices
from lhl.datasets.pascal_context.dataset import LABELS, PLACES, load_boundary, load_distilled_normals
from lhl.datasets.pascal_context.human_part_annotations import load_human_parts

from .base import Conversion, convert_file, record_options, run_conversions

SPLITS = ('train', 'val')


def convert_pascal_context(release: str | Path, out: str | Path) -> int:
    """Convert a PASCAL_MT, or what is missing of the conversion.

    Images and saliency are copied, and classes keep their folders; human parts become ``human_parts/NAME.png``,
    boundaries ``edge/NAME.png``, and normals ``normals_masked/NAME.png``, grey where they do not count. The lists of
    the splits are written last, so that a folder that is not complete cannot be used.

    Args:
        release: The folder that holds ``JPEGImages/`` and ``ImageSets/``; targets whose folders it lacks are skipped.
        out: A new folder, or one that an earlier call has written to.

    Returns:
        How many files were made by this call.

    Raises:
        DataError: If files are missing or cannot be used, or ``out`` holds something else.
    """
    release, out = Path(release).expanduser(), Path(out).expanduser()
    lists = [Path('ImageSets', 'Context', f'{split}.txt') for split in SPLITS]
    names = list(dict.fromkeys(name for path in lists for name in read_names(release / path)))
    images = find_files(release, names, PLACES['images'])
    conversions = [convert_file(path, out / path.relative_to(release), Path.read_bytes) for path in images.values()]
    for target, published in _PUBLISHED.items():
        if any((release / place).parent.is_dir() for place in published):
            files = find_files(release, names, published)
            if target == 'normals':
                find_files(release, names, [LABELS])
            conversions += [_target(target, release, out, name, path, images[name]) for name, path in files.items()]
    record_options(out, dict(data_set='PASCAL-Context', files='.png'))
    conversions += [convert_file(release / path, out / path, Path.read_bytes) for path in lists]
    return run_conversions(conversions, 'PASCAL-Context')


#: The files that every target is made from; normals need the labels, too.
_PUBLISHED = dict(semseg=PLACES['semseg'], human_parts=PLACES['human_parts'][1:], normals=PLACES['normals'][1:],
                  sal=PLACES['sal'], edge=PLACES['edge'][1:])


def _target(target: str, release: Path, out: Path, name: str, path: Path, image: Path) -> Conversion:
    """Describe how the file of a target is made."""
    if target in ('sal', 'semseg'):
        encode = Path.read_bytes if target == 'sal' else _encode_segmentation
        return convert_file(path, out / path.relative_to(release), encode)
    encoders: dict[str, Callable[[Path], bytes]] = dict(
        human_parts=partial(_encode_parts, image=image), edge=_encode_boundary,
        normals=partial(_encode_normals, labels=release / LABELS.format(name)))
    return convert_file(path, out / PLACES[target][0].format(name), encoders[target])


def _encode_segmentation(path: Path) -> bytes:
    return encode_png(load_class_indices(path))


def _encode_parts(path: Path, image: Path) -> bytes:
    parts = load_human_parts(path)
    return encode_png(np.zeros(load_picture(image).shape[:2], np.uint8) if parts is None else parts)


def _encode_boundary(path: Path) -> bytes:
    return encode_png(load_boundary(path).astype(np.uint8) * np.uint8(255))


def _encode_normals(path: Path, labels: Path) -> bytes:
    _, known = load_distilled_normals(path, labels)
    return encode_png(np.where(known[..., None], load_picture(path), np.uint8(127)))
