"""Where images to predict come from: files, folders, videos and arrays, read one by one."""
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from lhl.datasets.io.files import IMAGE_SUFFIXES, load_image_file
from lhl.errors import DataError
from lhl.regular_files import check_regular_file

VIDEO_SUFFIXES = ('.mp4', '.avi', '.mov', '.mkv', '.webm', '.m4v')


class Frame(NamedTuple):
    """An image that has not been read yet.

    Attributes:
        name: What results are called after, a relative path without a suffix.
        source: Where it comes from, for messages.
        read: Gives ``(H, W, 3)`` RGB; a ValueError says what is wrong with it.
    """

    name: str
    source: str
    read: Callable[[], np.ndarray]


def frames_of(images: Any) -> Iterator[Frame]:
    """Find images; those of folders and videos one after the other, so that their number does not matter.

    Args:
        images: As for :class:`lhl.apis.Inferencer`.

    Raises:
        DataError: If a path does not exist or has nothing to predict.
    """
    seen: Counter[str] = Counter()
    for frame in _all_frames(images if isinstance(images, (list, tuple)) else [images]):
        # What has the name of an image of another folder, or its name in another format, keeps its own results.
        name = frame.name
        while name in seen:
            seen[frame.name] += 1
            name = f'{frame.name}_{seen[frame.name]}'
        seen[name] += 1
        yield frame._replace(name=name)


def count_frames(images: Any) -> int | None:
    """Count images; None where a video does not say how many it has, and DataError where it is no file."""
    several = images if isinstance(images, (list, tuple)) else [images]
    counts = [_count(Path(image)) if isinstance(image, (str, os.PathLike)) else 1 for image in several]
    return None if None in counts else sum(filter(None, counts))


def _all_frames(images: Sequence[Any]) -> Iterator[Frame]:
    for number, image in enumerate(images):
        if isinstance(image, (str, os.PathLike)):
            yield from _frames_at(Path(image))
        elif isinstance(image, np.ndarray):
            yield Frame(f'{number:04d}', f'number {number}', partial(np.asarray, image))
        else:
            raise DataError(f'image number {number} is a {type(image).__name__}, expected a path or an array of shape '
                            f'(height, width, 3)')


def _frames_at(path: Path) -> Iterator[Frame]:
    if path.is_dir():
        yield from _frames_below(path)
        return
    check_regular_file(path, DataError)
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        yield from _frames_in_video(path)
    elif suffix in IMAGE_SUFFIXES:
        yield Frame(path.stem, str(path), partial(load_image_file, path))
    else:
        raise DataError(f'{path} is no file that can be predicted, expected one of {", ".join(IMAGE_SUFFIXES)}, a '
                        f'video ({", ".join(VIDEO_SUFFIXES)}), or a folder')


def _frames_below(folder: Path) -> Iterator[Frame]:
    paths = _files_below(folder)
    if not paths:
        raise DataError(f'folder {folder} holds no image, expected files of type {", ".join(IMAGE_SUFFIXES)}')
    for path in paths:
        yield Frame(path.relative_to(folder).with_suffix('').as_posix(), str(path), partial(load_image_file, path))


def _files_below(folder: Path) -> list[Path]:
    return sorted(Path(parent, name) for parent, _, names in os.walk(folder, followlinks=True) for name in names
                  if not name.startswith('.') and name.lower().endswith(IMAGE_SUFFIXES))


def _frames_in_video(path: Path) -> Iterator[Frame]:
    video = _open_video(path)
    try:
        number = 0
        while True:
            is_read, picture = video.read()
            if not is_read:
                break
            number += 1
            yield Frame(f'{path.stem}/{number:06d}', f'{path}, frame {number}', partial(_rgb, picture))
    finally:
        video.release()
    if not number:
        raise DataError(f'{path} is no video that OpenCV can read, or holds no frame; convert it, for instance to MP4 '
                        f'with H.264')


def _open_video(path: Path) -> cv2.VideoCapture:
    """Open a file, and never what its name would be as an address, such as ``concat:a.mp4``."""
    return cv2.VideoCapture(str(path.absolute()))


def _rgb(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(picture[..., ::-1])


def _count(path: Path) -> int | None:
    if path.is_dir():
        return len(_files_below(path))
    if path.suffix.lower() in VIDEO_SUFFIXES:
        check_regular_file(path, DataError)
        video = _open_video(path)
        count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        video.release()
        return count if count > 0 else None
    return 1
