"""What the numbers of a data set are like: their range, mean, spread and frequency, added up image by image."""
from dataclasses import dataclass

import numpy as np


@dataclass
class Moments:
    """Count, mean, sum of squared deviations and range of numbers, per channel, each a float64 array ``(C,)``."""

    count: int
    mean: np.ndarray
    squares: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> 'Moments | None':
        """Reduce values ``(N, C)``; None where there are none."""
        if not len(values):
            return None
        values = values.astype(np.float64)
        mean = values.mean(axis=0)
        return cls(len(values), mean, ((values - mean)**2).sum(axis=0), values.min(axis=0), values.max(axis=0))

    @property
    def std(self) -> np.ndarray:
        """Standard deviation, as numpy's."""
        return np.sqrt(self.squares / self.count)


def merge(first: Moments | None, second: Moments | None) -> Moments | None:
    """Add up two sets of numbers, without the cancellation of a sum of squares (Chan, Golub, LeVeque, 1979)."""
    if first is None or second is None:
        return first or second
    count = first.count + second.count
    distance = second.mean - first.mean
    return Moments(
        count, first.mean + distance * (second.count / count),
        first.squares + second.squares + distance**2 * (first.count * second.count / count),
        np.minimum(first.low, second.low), np.maximum(first.high, second.high))


@dataclass
class TargetStatistics:
    """The targets of one task in some images."""

    images: int  #: with at least one valid pixel
    pixels: int
    valid_pixels: int
    moments: Moments | None = None  #: of the valid pixels, where the target is a number
    class_pixels: np.ndarray | None = None  #: per class, where it is a class
    class_images: np.ndarray | None = None  #: in how many images each class is

    @classmethod
    def of(cls, target: np.ndarray, valid: np.ndarray, num_classes: int) -> 'TargetStatistics':
        """Describe one target, ``(H, W)`` int64 or ``(H, W, C)`` float32, with its validity."""
        statistics = cls(int(valid.any()), valid.size, int(valid.sum()))
        if target.ndim == 2:
            statistics.class_pixels = np.bincount(target[valid], minlength=num_classes)
            statistics.class_images = (statistics.class_pixels > 0).astype(np.int64)
        else:
            statistics.moments = Moments.of(target[valid])
        return statistics

    def __add__(self, other: 'TargetStatistics') -> 'TargetStatistics':
        return TargetStatistics(
            self.images + other.images, self.pixels + other.pixels, self.valid_pixels + other.valid_pixels,
            merge(self.moments, other.moments), _sum(self.class_pixels, other.class_pixels),
            _sum(self.class_images, other.class_images))


def _sum(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    return None if first is None or second is None else first + second
