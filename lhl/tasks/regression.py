"""What the tasks that predict a number per pixel and channel share: standardised outputs, L1."""
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from lhl.errors import ConfigError

from .base import Task


class Regression(Task):
    """The kind of task with numbers in a unit of their own, at every pixel.

    Targets and predictions are in the unit; with ``mean`` and ``std`` the head's output is the standardised number
    and the loss is measured in standard deviations, so that tasks of any unit learn at a similar rate.

    Args:
        name: The task's name in the stream.
        out_channels: Numbers per pixel.
        mean: What an output of 0 stands for, in the target's unit; one number, or one per channel.
        std: What an output of 1 adds, more than 0; one number, or one per channel.
        metrics: See :class:`~lhl.tasks.base.Task`.

    Raises:
        ConfigError: If ``mean`` or ``std`` is not finite, ``std`` is not positive, or either has another number of
            channels.
    """

    def __init__(self, name: str, out_channels: int, mean: float | Sequence[float] = 0.0,
                 std: float | Sequence[float] = 1.0, metrics: Sequence[Mapping] | None = None) -> None:
        super().__init__(name, out_channels, metrics)
        self.mean, self.std = _per_channel(name, 'mean', mean, out_channels), _per_channel(name, 'std', std,
                                                                                        out_channels)
        if not (np.isfinite((*self.mean, *self.std)).all() and min(self.std) > 0):
            raise ConfigError(f'task {name!r} has mean={mean} and std={std}, expected finite numbers, and std more '
                              f'than 0')
        self.standardised = any(self.mean) or any(value != 1 for value in self.std)

    def predict(self, raw: Tensor) -> Tensor:
        """Turn standardised numbers into the target's unit."""
        if not self.standardised:
            return raw
        return raw * _as_channels(self.std, raw) + _as_channels(self.mean, raw)

    def loss_map(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Absolute error in standard deviations, summed over the channels (HAD, Table 5: L1)."""
        error = (prediction - target).abs()
        if self.standardised:
            error = error / _as_channels(self.std, error)
        return error.sum(dim=1) if self.out_channels > 1 else error.squeeze(1)


def _per_channel(name: str, option: str, value: float | Sequence[float], channels: int) -> tuple[float, ...]:
    values = (float(value), ) * channels if isinstance(value, int | float) else tuple(map(float, value))
    if len(values) != channels:
        raise ConfigError(f'task {name!r} has {len(values)} values in {option} but {channels} channels; give one '
                          f'number, or one per channel')
    return values


def _as_channels(values: tuple[float, ...], like: Tensor) -> Tensor | float:
    return values[0] if len(set(values)) == 1 else like.new_tensor(values).view(1, -1, 1, 1)


def check_from_0_to_1(values: np.ndarray) -> None:
    """Refuse what a picture cannot hold.

    Args:
        values: Those of the valid pixels.

    Raises:
        ValueError: With the clause "found ..., expected ...".
    """
    if values.size and (values.min() < 0 or values.max() > 1):
        raise ValueError(f'found values from {values.min():g} to {values.max():g} among the valid pixels, expected '
                         f'0 to 1; divide a picture of 8 bits by 255')
