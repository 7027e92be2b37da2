"""NYUv2 as its authors publish it, turned into the arrays of the preprocessed release that lhl reads."""
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import TracebackType

import numpy as np

from lhl.datasets.io.file_bytes import encode_npy
from lhl.datasets.io.files import as_int64, load_mat, load_picture
from lhl.datasets.io.target_pictures import load_normals, one_channel
from lhl.errors import DataError

from .base import Conversion, record_options, run_conversions, source
from .depth_normals import Intrinsics, normals_from_depth
from .resizing import resize_mean, resize_nearest

LABELED, SPLITS, MAPPING = 'nyu_depth_v2_labeled.mat', 'splits.mat', 'classMapping40.mat'
#: What the pictures show; around it they are white.
ROWS, COLUMNS = slice(45, 471), slice(41, 601)
#: The colour camera, to which the depth is aligned. The authors' toolbox counts pixels from 1.
CAMERA = Intrinsics(fx=518.857901, fy=519.469611, cx=325.582449 - 1, cy=253.736166 - 1)
#: The class, in the order of ``lhl.datasets.nyuv2.CLASSES``, of each of the 40 classes of Gupta et al.
CLASS_OF_40 = (11, 4, 5, 0, 3, 8, 9, 11, 12, 5, 7, 5, 12, 9, 5, 12, 5, 6, 6, 4, 6, 2, 1, 5, 10, 6, 6, 6, 6, 6, 6, 5, 6,
               6, 6, 6, 6, 6, 5, 6)
_SHAPES = dict(images=(3, 640, 480), depths=(640, 480), labels=(640, 480))  # as HDF5 sees MATLAB's arrays


def convert_nyuv2(raw: str | Path, out: str | Path, height: int = 288, width: int = 384,
                  normals: str | Path | None = None) -> int:
    """Convert the labelled images, or what is missing of the conversion.

    Image i of a split is the i-th of its indices in ``splits.mat``. Pictures are cut to what they show, then averaged
    over the area of each new pixel; labels, depth and normals are those of the pixel at its centre.

    Args:
        raw: The folder that holds ``nyu_depth_v2_labeled.mat``, ``splits.mat`` and ``classMapping40.mat``.
        out: A new folder, or one that an earlier call with the same arguments has written to.
        height: Rows of the arrays.
        width: Columns.
        normals: The folder of Eigen's ground truth, with ``normals/0000.png`` and ``masks/0000.png``; its normals are
            stored as they are. Without it they are computed from the depth, which the literature has not done.

    Returns:
        How many images were converted by this call.

    Raises:
        DataError: If files are missing or cannot be used, h5py is not installed, or ``out`` holds something else.
    """
    raw, out = Path(raw).expanduser(), Path(out).expanduser()
    if min(height, width) < 1:
        raise DataError(f'the size is {height} x {width}, expected at least one row and one column; give a larger size')
    for name in (LABELED, SPLITS, MAPPING):
        if not (raw / name).is_file():
            raise DataError(f'{str(raw / name)!r} is missing, expected {LABELED}, {SPLITS} and {MAPPING} in one '
                            f'folder; docs/data/nyuv2.md says where they come from')
    if normals is not None and not Path(normals, 'normals').is_dir():
        raise DataError(f'{str(normals)!r} holds no folder normals/, expected normals/0000.png and masks/0000.png; '
                        f'point at the folder into which normals_gt.tgz was unpacked')
    with _Labeled(raw / LABELED) as labeled:
        classes = _class_of_label(raw / MAPPING)
        splits = _splits(raw / SPLITS, len(labeled))
        record_options(out, dict(data_set='NYUv2', size=[height, width],
                                 normals='computed from the depth' if normals is None else 'Eigen'))
        conversions = []
        for split, indices in splits.items():
            for number, index in enumerate(indices.tolist()):
                outputs = tuple(out / split / kind / f'{number}.npy' for kind in ('label', 'depth', 'normal', 'image'))
                make = partial(_convert, labeled, index, classes, outputs, height, width, normals)
                conversions.append(Conversion(f'{raw / LABELED}, image {index + 1}', outputs, make))
        return run_conversions(conversions, 'NYUv2')


class _Labeled:
    """The MATLAB file, an image at a time: all of it would not fit into memory."""

    def __init__(self, path: Path) -> None:
        try:
            import h5py
        except ImportError as error:
            raise DataError(f"{str(path)!r} is a file of MATLAB 7.3, and h5py, which reads those, is not installed; "
                            f"pip install 'lhl[converters]'") from error
        try:
            self.file = h5py.File(path, 'r')
        except OSError as error:
            raise DataError(f'{str(path)!r} cannot be read ({error}), expected a whole file of MATLAB 7.3, 2.97 GB; '
                            f'download it again') from error
        for name, shape in _SHAPES.items():
            found = getattr(self.file.get(name), 'shape', None)
            if found is None or found[1:] != shape:
                self.file.close()
                what = 'no array' if found is None else f'shape {found}'
                raise DataError(f'{str(path)!r} holds {what} {name!r}, expected shape (number, '
                                f'{", ".join(map(str, shape))}); download {LABELED} again')

    def __len__(self) -> int:
        return min(self.file[name].shape[0] for name in _SHAPES)

    def read(self, name: str, index: int) -> np.ndarray:
        """Read the array of one image, ``(480, 640)`` or ``(480, 640, 3)``."""
        return self.file[name][index].T

    def __enter__(self) -> '_Labeled':
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.file.close()


def _class_of_label(path: Path) -> np.ndarray:
    """The class of each of the labels 0 to 894; 0 is unlabelled, and -1 is its class."""
    with source(path):
        mapping = as_int64(load_mat(path, 'mapClass')).ravel()
        if mapping.size != 894 or mapping.min() < 1 or mapping.max() > 40:
            raise ValueError(f'found a mapClass of shape {mapping.shape} that is not one of 894 numbers from 1 to 40, '
                             f'expected the class of every label; download it again')
    return np.concatenate([[-1], np.array(CLASS_OF_40)[mapping - 1]]).astype(np.int8)


def _splits(path: Path, count: int) -> dict[str, np.ndarray]:
    """The images of each split, counted from 0."""
    splits = {}
    with source(path):
        for split, key in (('train', 'trainNdxs'), ('val', 'testNdxs')):
            indices = as_int64(load_mat(path, key)).ravel() - 1
            if not indices.size or indices.min() < 0 or indices.max() >= count:
                raise ValueError(f'found {indices.size} numbers in {key} that are not all from 1 to {count}, expected '
                                 f'the numbers of images in {LABELED}; download both again')
            splits[split] = indices
    return splits


def _convert(labeled: _Labeled, index: int, classes: np.ndarray, outputs: tuple[Path, ...], height: int, width: int,
             normals: str | Path | None) -> Mapping[Path, bytes]:
    """Make the arrays of one image."""
    image, labels, depth = (labeled.read(name, index) for name in ('images', 'labels', 'depths'))
    if image.dtype != np.uint8:
        raise ValueError(f'found a picture of type {image.dtype}, expected 8 bits; download it again')
    if labels.dtype.kind not in 'iu' or labels.max() >= len(classes):
        raise ValueError(f'found labels of type {labels.dtype} up to {labels.max()}, expected whole numbers up to '
                         f'{len(classes) - 1}; download it again')
    if depth.dtype.kind != 'f' or not np.isfinite(depth).all() or depth.min() < 0:
        raise ValueError(f'found depth of type {depth.dtype} from {depth.min():g} to {depth.max():g}, expected metres; '
                         f'download it again')
    vectors, known = normals_from_depth(depth, CAMERA) if normals is None else _eigen(Path(normals), index)
    label, distance, vectors = (resize_nearest(array[ROWS, COLUMNS], height, width) for array in (
        classes[labels], depth, np.where(known[..., None], vectors, 0)))
    arrays: tuple[np.ndarray, ...] = (
        label, distance[..., None].astype(np.float32), vectors.astype(np.float16),
        (resize_mean(image[ROWS, COLUMNS], height, width) / 255).astype(np.float16))
    return {path: encode_npy(array) for path, array in zip(outputs, arrays, strict=True)}


def _eigen(folder: Path, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Load the normals of an image and where they are known."""
    path, mask_path = (folder / kind / f'{index:04d}.png' for kind in ('normals', 'masks'))
    with source(path):
        vectors, known = load_normals(path)
        _check_size(known)
    with source(mask_path):
        mask = one_channel(load_picture(mask_path)) != 0
        _check_size(mask)
    return vectors, known & mask


def _check_size(array: np.ndarray) -> None:
    """Refuse what is not of the size of the raw pictures."""
    if array.shape != (480, 640):
        raise ValueError(f'found a picture of {array.shape[0]} x {array.shape[1]}, expected 480 x 640; unpack '
                         f'normals_gt.tgz again')
