"""NYUD-v2 in any of its releases, turned into arrays that are read without decoding."""
from pathlib import Path

import numpy as np

from lhl.datasets.io.file_bytes import encode_npy
from lhl.datasets.io.split_lists import find_files, read_names

from ..nyud import PLACES, READERS, load_image
from .base import convert_file, record_options, run_conversions

SPLITS = ('train', 'val')


def convert_nyud(release: str | Path, out: str | Path) -> int:
    """Convert a release, or what is missing of the conversion, to an NYUD_MT of .npy files alone.

    The numbers stay those that the loader reads from the release, but for the normals, which are stored in half
    precision. The lists of the splits are written last, so that a folder that is not complete cannot be used.

    Args:
        release: The folder that holds ``images/`` and ``gt_sets/``; a folder of targets that it lacks is skipped.
        out: A new folder, or one that an earlier call has written to.

    Returns:
        How many files were made by this call.

    Raises:
        DataError: If files are missing or cannot be used, or ``out`` holds something else.
    """
    release, out = Path(release).expanduser(), Path(out).expanduser()
    names = {split: read_names(release / 'gt_sets' / f'{split}.txt') for split in SPLITS}
    every = list(dict.fromkeys(name for split in SPLITS for name in names[split]))
    folders = ['images', *(folder for folder in READERS if (release / folder).is_dir())]
    files = {folder: find_files(release, every, PLACES[folder]) for folder in folders}
    record_options(out, dict(data_set='NYUD-v2', files='.npy'))
    conversions = [convert_file(files[folder][name], out / folder / f'{name}.npy', _ENCODERS[folder])
                   for name in every for folder in folders]
    lists = [convert_file(release / 'gt_sets' / f'{split}.txt', out / 'gt_sets' / f'{split}.txt', Path.read_bytes)
             for split in SPLITS]
    return run_conversions(conversions + lists, 'NYUD-v2')


def _encode_image(path: Path) -> bytes:
    return encode_npy(np.rint(255 * load_image(path)).astype(np.uint8))


def _encode_segmentation(path: Path) -> bytes:
    labels, _ = READERS['segmentation'](path)
    return encode_npy((labels + 1).astype(np.uint8))


def _encode_depth(path: Path) -> bytes:
    depth, _ = READERS['depth'](path)
    return encode_npy(depth)


def _encode_normals(path: Path) -> bytes:
    normals, known = READERS['normals'](path)
    return encode_npy(np.where(known[..., None], normals, 0).astype(np.float16))


def _encode_edge(path: Path) -> bytes:
    edge, _ = READERS['edge'](path)
    if not np.isin(edge, (0, 1)).all():
        raise ValueError(f'found values from {edge.min():g} to {edge.max():g}, expected 0 and 1; export it again')
    return encode_npy(edge.astype(np.uint8))


_ENCODERS = dict(images=_encode_image, segmentation=_encode_segmentation, depth=_encode_depth,
                 normals=_encode_normals, edge=_encode_edge)
