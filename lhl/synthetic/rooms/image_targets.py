"""Where does a picture have edges and blobs? The two Taskonomy targets that are filters of the picture itself.

Both are filters with a length in pixels, meant for pictures of 512 rows; here the length is a share of the height, so
that a smaller rendering of a scene has the same edges and blobs. Only element-wise operations and scipy's filters touch
pixels, no BLAS: results do not depend on a number of threads.

Source: Zamir et al., Taskonomy (CVPR 2018), supplementary material; Bay et al., SURF (CVIU 2008), for the box filters.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

COUNTS = 65535  # Taskonomy stores scores from 0 to 1 as 16-bit integers
_TASKONOMY_HEIGHT = 512
_GREY_WEIGHTS = (0.2125, 0.7154, 0.0721)  # CIE luminance, as in scikit-image's rgb2gray
_EDGE_SMOOTHING = 3.0  # pixels, in a picture of 512 rows
_BLOB_SIZES = np.linspace(1, 30, 10)  # likewise, standard deviations
_CROSS_WEIGHT = 0.81  # 0.9 squared: makes up for boxes that are no Gaussians (SURF, Eq. 3)


def edge_texture(image: np.ndarray) -> np.ndarray:
    """Measure how strongly the smoothed grey picture changes: Canny's edge strength before it is thinned.

    A Gaussian of 3 pixels per 512 rows, then Sobel. Beyond its border the picture is extended by its last pixel.

    Args:
        image: (H, W, 3) RGB, uint8 or floating point in [0, 1].

    Returns:
        (H, W) float32, 16-bit counts in [0, 65535].
    """
    grey = _grey(image)
    smooth = ndimage.gaussian_filter(grey, _EDGE_SMOOTHING * len(grey) / _TASKONOMY_HEIGHT, mode='nearest')
    return (COUNTS * sobel_magnitude(smooth)).astype(np.float32)


def keypoints2d(image: np.ndarray) -> np.ndarray:
    """Measure how much every pixel looks like a blob of any size: SURF's determinant of the Hessian, without peaks.

    The largest of ten scales, from 1 to 30 pixels per 512 rows; saddles, whose determinant is negative, count 0. Per
    scale the values are those of ``skimage.feature.hessian_matrix_det``, which Taskonomy uses, but for three oddities:

    - Its filters are three times the scale long. Unless that is three times an odd number of pixels their lobes do not
      balance, and the brightness of a plain picture or a slope counts, the more the smaller the filter. Here scales are
      the nearest odd numbers of pixels, as in SURF.
    - Its filters are centred on the next pixel down and right, here on the pixel.
    - Its filters end at the border, which marks the border of every picture; here the picture is extended by its
      last pixel.

    Args:
        image: (H, W, 3) RGB, uint8 or floating point in [0, 1].

    Returns:
        (H, W) float32, 16-bit counts, not less than 0.
    """
    grey = _grey(image)
    scales = _BLOB_SIZES * len(grey) / _TASKONOMY_HEIGHT
    lobes = sorted({2 * int(scale / 2) + 1 for scale in scales})  # the nearest odd numbers
    margin = 3 * lobes[-1]  # more than any filter reaches
    integral = np.zeros((grey.shape[0] + 2 * margin + 1, grey.shape[1] + 2 * margin + 1))
    integral[1:, 1:] = np.pad(grey, margin, mode='edge').cumsum(0).cumsum(1)
    strongest = np.zeros(grey.shape)
    for lobe in lobes:
        np.maximum(strongest, _box_hessian_determinant(integral, margin, lobe), out=strongest)
    return (COUNTS * strongest).astype(np.float32)


def sobel_magnitude(values: np.ndarray) -> np.ndarray:
    """Root mean square of the two Sobel differences, each over two pixels; the border is mirrored.

    Args:
        values: (H, W) floating point.

    Returns:
        (H, W), as ``skimage.filters.sobel`` computes it.
    """
    # Across the difference scipy's weights are (1, 2, 1), scikit-image's a quarter of it.
    down, right = (ndimage.sobel(values, axis, mode='reflect') / 4 for axis in (0, 1))
    return np.sqrt((down * down + right * right) / 2)


def _grey(image: np.ndarray) -> np.ndarray:
    """(H, W) float64 luminance in [0, 1]."""
    values = image.astype(np.float64) / (255 if image.dtype == np.uint8 else 1)
    red, green, blue = (weight * values[..., channel] for channel, weight in enumerate(_GREY_WEIGHTS))
    return red + green + blue


def _box_hessian_determinant(integral: np.ndarray, margin: int, lobe: int) -> np.ndarray:
    """(H, W) determinant of the Hessian from box filters; those of second order are three lobes in a row.

    Args:
        integral: (H + 2 * margin + 1, W + 2 * margin + 1) sums of all pixels above and to the left, exclusive.
        margin: Pixels around the picture that the integral covers too.
        lobe: Extent of a lobe in pixels, odd.
    """
    height, width = (extent - 2 * margin - 1 for extent in integral.shape)

    def corner(row: int, column: int) -> np.ndarray:
        return integral[margin + row:margin + row + height, margin + column:margin + column + width]

    def box(top: int, left: int, rows: int, columns: int) -> np.ndarray:
        """Sum of a box of so many rows and columns, whose first pixel is at (top, left) from each pixel."""
        bottom, right = top + rows, left + columns
        return corner(bottom, right) - corner(top, right) - corner(bottom, left) + corner(top, left)

    length, across = 3 * lobe, 2 * lobe - 1
    first, middle = -(length // 2), -(lobe // 2)
    xx = box(1 - lobe, first, across, length) - 3 * box(1 - lobe, middle, across, lobe)
    yy = box(first, 1 - lobe, length, across) - 3 * box(middle, 1 - lobe, lobe, across)
    xy = box(1, 1, lobe, lobe) + box(-lobe, -lobe, lobe, lobe) - box(1, -lobe, lobe, lobe) - box(-lobe, 1, lobe, lobe)
    return (xx * yy - _CROSS_WEIGHT * xy * xy) / length**4
