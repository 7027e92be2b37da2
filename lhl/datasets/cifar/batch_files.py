"""Decodes the files of the CIFAR archives, of the binary and of the Python version, into images and labels.

Every function raises ValueError with the clause "found ..., expected ...; what to do"; the data set adds the name of
the file.
"""
from typing import Any

import numpy as np

from lhl.datasets.io.plain_pickle import PickledArray, load_plain_pickle

SIDE = 32
PIXELS = 3 * SIDE * SIDE
_ADVICE = 'download the archive again'


def decode_records(content: bytes, num_images: int, label_bytes: int) -> tuple[np.ndarray, np.ndarray]:
    """Decode the binary version: records of labels and 3072 bytes, the red plane, the green and the blue.

    Args:
        content: The file.
        num_images: How many records it must have.
        label_bytes: How many labels a record begins with; the last of them is the class.

    Returns:
        Images ``(N, 32, 32, 3)`` uint8 RGB and labels ``(N, )`` int64.
    """
    record = label_bytes + PIXELS
    if len(content) != num_images * record:
        raise ValueError(f'found {len(content)} bytes, expected {num_images * record} ({num_images} images of {record} '
                         f'bytes); {_ADVICE}')
    records = np.frombuffer(content, np.uint8).reshape(num_images, record)
    return _channels_last(records[:, label_bytes:]), records[:, label_bytes - 1].astype(np.int64)


def decode_batch(content: bytes, num_images: int, label_key: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Decode the Python version: a pickled dictionary of ``data`` and labels; see :func:`load_plain_pickle`.

    Args:
        content: The file.
        num_images: How many images it must have.
        label_key: Where the classes are.

    Returns:
        As :func:`decode_records` does.
    """
    batch = load_plain_pickle(content)
    if not isinstance(batch, dict) or not isinstance(batch.get(b'data'), PickledArray) or label_key not in batch:
        found = f'a dictionary of {_names(batch)}' if isinstance(batch, dict) else type(batch).__name__
        raise ValueError(f'found {found}, expected an array data and a list {label_key.decode()}; {_ADVICE}')
    data, labels = batch[b'data'].decode(), batch[label_key]
    if data.shape != (num_images, PIXELS):
        raise ValueError(f'found data of shape {data.shape}, expected {(num_images, PIXELS)}; {_ADVICE}')
    if not isinstance(labels, list) or not all(type(label) is int for label in labels) or len(labels) != num_images:
        count = len(labels) if isinstance(labels, list) else 'no list of'
        raise ValueError(f'found {count} labels, expected {num_images} whole numbers; {_ADVICE}')
    return _channels_last(data), np.array(labels, np.int64)


def check_labels(labels: np.ndarray, num_classes: int) -> None:
    """Refuse labels that are no class."""
    wrong = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if wrong.size:
        raise ValueError(f'found the label {labels[wrong[0]]} of image {wrong[0]}, expected 0 to {num_classes - 1}; '
                         f'{_ADVICE}')


def _channels_last(planes: np.ndarray) -> np.ndarray:
    """``(N, 3072)``, plane by plane, to ``(N, 32, 32, 3)``."""
    return np.ascontiguousarray(planes.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1))


def _names(batch: dict[Any, Any]) -> str:
    return ', '.join(key.decode('utf-8', 'replace') if isinstance(key, bytes) else repr(key) for key in batch)
