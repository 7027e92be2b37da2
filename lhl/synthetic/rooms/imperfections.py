"""Which pixels does an annotator leave unlabelled, and where does a depth sensor see nothing?

Real data has both kinds of hole, so code must be tried on them. The holes are masks beside the exact values, which
remain available as perfect ground truth.
"""

from __future__ import annotations

import numpy as np

from .materials import value_noise

_BORDER_WIDTH = 1 / 128  # of the image width: an annotator is as careless on a big picture as on a small one
_GAP_CELLS = 12  # the border comes and goes about this many times across a picture
_MIRROR_LIMIT = 0.25  # mirrored radiance above which an infra-red pattern is lost


def unlabelled_border(label: np.ndarray, depth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A broken band along class borders, on the farther side, so that thin objects keep their label.

    Args:
        label: (H, W) integers.
        depth: (H, W) float32, metres.
        rng: Source of randomness; it decides where the band is broken.

    Returns:
        (H, W) bool, True where a pixel has no label.
    """
    border = np.zeros(label.shape, bool)
    for first, second in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1, :], np.s_[1:, :]),
    ):
        differs = label[first] != label[second]
        nearer = depth[first] < depth[second]
        border[first] |= differs & ~nearer
        border[second] |= differs & nearer
    for _ in range(max(1, round(_BORDER_WIDTH * label.shape[1])) - 1):
        border = _grown_within_class(border, label)
    rows, columns = np.nonzero(border)
    phase = rng.uniform(0, 1000, 3)
    cells = np.stack([rows, columns, np.zeros_like(rows)]) * (_GAP_CELLS / label.shape[1]) + phase[:, None]
    border[rows, columns] = value_noise(cells.astype(np.float32)) > 0.5
    return border


def _grown_within_class(mask: np.ndarray, label: np.ndarray) -> np.ndarray:
    """The mask and its four neighbours of the same class."""
    grown = mask.copy()
    for first, second in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1, :], np.s_[1:, :])):
        same = label[first] == label[second]
        grown[first] |= mask[second] & same
        grown[second] |= mask[first] & same
    return grown


def unmeasured(emission: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    """Bright panes and strong highlights, where an active depth sensor gets no usable answer.

    Args:
        emission: (H, W) share of light a surface sends out by itself.
        mirrored: (H, W) mirrored radiance.

    Returns:
        (H, W) bool, True where depth and normal are unknown.
    """
    return (emission > 0) | (mirrored > _MIRROR_LIMIT)
