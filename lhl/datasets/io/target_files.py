"""Where the target files of a task lie, and what their raw numbers mean: the declarations of ``FolderDataset``."""
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from lhl.errors import ConfigError, suggest

from .files import as_float32, as_int64


@dataclass(frozen=True)
class TargetFiles:
    """Where the targets of a task lie, and what their raw numbers mean.

    The value of a pixel is ``raw * scale + offset`` for numbers, and ``mapping[raw]`` for classes.

    Args:
        folder: The folder, relative to the data set's.
        name: How a file is called; ``{}`` stands for the name of its image. The suffix may be omitted.
        channels: Which stored channels to take, in this order, counted from 0. Default: all. Pictures are RGB.
        scale: One number, or one per channel. Required for whole numbers, whose unit cannot be guessed.
        offset: Likewise; by default 0.
        invalid: The raw value or values, ``'nan'`` among them, of pixels without a target. Where there are several
            channels all must have such a value; one NaN suffices.
        mapping: The class of each raw number, or of each colour: ``{7: 0, 8: 1, 'other': -1}``,
            ``{'#000000': 0, '#800000': 1}``. Class -1 is ignored. Default: a raw number is the class.
    """

    folder: str
    name: str = '{}'
    channels: Sequence[int] | None = None
    scale: float | Sequence[float] | None = None
    offset: float | Sequence[float] = 0.0
    invalid: float | str | Sequence[float | str] = ()
    mapping: Mapping[int | str, int] | None = None

    @classmethod
    def from_config(cls, task: str, config: Mapping) -> 'TargetFiles':
        """Read ``targets[task]`` of a config, and refuse what it cannot mean."""
        known = [field.name for field in fields(cls)]
        for option in config:
            if option not in known:
                raise ConfigError(f'targets.{task} has an unknown option {option!r}; {suggest(option, known)}')
        if 'folder' not in config:
            raise ConfigError(f'targets.{task} has no folder; give the one with its files, such as folder={task!r}')
        files = cls(**config)
        check_file_name(f'targets.{task}', files.name)
        try:
            files.invalid_values()
            files.classes()
        except ValueError as error:
            raise ConfigError(f'targets.{task} cannot be read ({error}); give numbers, colours such as '
                              f"'#ff8000', or 'nan' for invalid") from error
        return files

    def invalid_values(self) -> list[float]:
        """The invalid values as numbers."""
        values = [self.invalid] if isinstance(self.invalid, int | float | str) else self.invalid
        return [float(value) for value in values]

    def classes(self) -> tuple[dict[int, int], int | None, bool]:
        """The mapping as numbers, the class of all others, and whether its keys are colours."""
        # A config that was written to a file and read again has text for all its keys.
        mapping = {str(raw): int(index) for raw, index in (self.mapping or {}).items()}
        other = mapping.pop('other', None)
        colours = [raw for raw in mapping if re.fullmatch('#[0-9a-fA-F]{6}', raw)]
        if colours and len(colours) != len(mapping):
            raise ValueError('its mapping has colours and other keys')
        numbers = {int(raw[1:], 16) if colours else int(raw): index for raw, index in mapping.items()}
        return numbers, other, bool(colours)

    @property
    def holds_numbers(self) -> bool:
        """Whether a class is one number per pixel, not a colour or one of several channels."""
        return self.channels is None and not self.classes()[2]

    def decode_classes(self, raw: np.ndarray, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
        """Turn raw numbers ``(H, W)`` or colours ``(H, W, 3)`` into class indices and their validity."""
        mapping, other, colours = self.classes()
        if colours and (raw.ndim != 3 or raw.shape[2] != 3 or raw.dtype != np.uint8):
            raise ValueError(f'found shape {raw.shape} of type {raw.dtype}, expected 8-bit colours, as its mapping '
                             f'has colours; map numbers instead')
        valid = ~self._is_invalid(raw)
        if colours:
            raw = raw @ np.array([1 << 16, 1 << 8, 1])
        elif raw.ndim == 3 and raw.shape[2] != 1:
            raise ValueError(f'found {raw.shape[2]} channels, expected one number per pixel; map its colours with '
                             f"mapping={{'#800000': 1, ...}}, or take one channel with channels=[0]")
        labels = as_int64(np.where(valid, raw.reshape(valid.shape), 0))
        if mapping:
            labels = _mapped(labels, valid, mapping, other, colours)
        valid &= labels != -1
        wrong = valid & ((labels < 0) | (labels >= num_classes))
        if wrong.any():
            raise ValueError(f'found the label {labels[wrong][0]} among {wrong.sum()} of {wrong.size} pixels that are '
                             f'no class, expected 0 to {num_classes - 1}; declare it with '
                             f'invalid={labels[wrong][0]} or give it a class in mapping={{...}}')
        return labels, valid

    def decode_values(self, raw: np.ndarray, channels: int) -> tuple[np.ndarray, np.ndarray]:
        """Turn raw numbers ``(H, W)`` or ``(H, W, C)`` into values ``(H, W, C)`` float32 and their validity."""
        if raw.ndim == 2:
            raw = raw[..., None]
        if raw.shape[-1] != channels and raw.shape[0] != channels:
            raise ValueError(f'found {raw.shape[-1]} channels, expected {channels}; choose with channels=[0, ...]')
        for option, numbers in (('scale', self.scale), ('offset', self.offset)):
            if not isinstance(numbers, int | float | None) and len(numbers) != channels:
                raise ValueError(f'found {len(numbers)} numbers in {option}, expected one or {channels}; correct the '
                                 f'targets of the config')
        if raw.dtype.kind != 'f' and self.scale is None:
            raise ValueError(f'found whole numbers of type {raw.dtype}, expected their unit; declare it, such as '
                             f'scale=0.001 for millimetres or scale=1 for numbers in the unit of the task')
        valid = ~self._is_invalid(raw)
        values = raw.astype(np.float64) * (1.0 if self.scale is None else self.scale) + self.offset
        values[~valid] = 0
        unknown = int(np.isnan(values).any(axis=-1).sum())
        if unknown:
            raise ValueError(f"found {unknown} pixels that are NaN, expected numbers; declare invalid='nan' if they "
                             f"mark what was not measured")
        return as_float32(values, 'in the unit of the task'), valid

    def choose_channels(self, raw: np.ndarray) -> np.ndarray:
        """Take the channels that are asked for; refuse what holds no numbers."""
        if raw.dtype.kind not in 'fiub' or raw.ndim not in (2, 3) or not raw.size:
            raise ValueError(f'found shape {raw.shape} of type {raw.dtype}, expected numbers (height, width) or '
                             f'(height, width, channels); export it again')
        if raw.dtype == bool:
            raw = raw.astype(np.uint8)
        if self.channels is None:
            return raw
        raw = raw if raw.ndim == 3 else raw[..., None]
        if max(self.channels) >= raw.shape[2]:
            raise ValueError(f'found {raw.shape[2]} channels, expected those of channels={list(self.channels)}; '
                             f'count them from 0')
        return raw[..., list(self.channels)]

    def in_other_axes(self, order: Sequence[int], signs: Sequence[int]) -> dict:
        """Return the options that make component i of a vector ``signs[i]`` times what was component ``order[i]``."""
        channels = self.channels or range(len(order))
        scale, offset = (np.broadcast_to(1.0 if numbers is None else numbers, len(order))
                         for numbers in (self.scale, self.offset))
        scales, offsets = ([sign * float(numbers[stored]) for stored, sign in zip(order, signs, strict=True)]
                           for numbers in (scale, offset))
        options: dict[str, list] = dict(channels=[channels[stored] for stored in order], scale=scales)
        return {**options, 'offset': offsets} if any(offsets) else options

    def _is_invalid(self, raw: np.ndarray) -> np.ndarray:
        """Return where the raw values ``(H, W)`` or ``(H, W, C)`` declare a pixel invalid."""
        marks = self.invalid_values()
        raw = raw if raw.ndim == 3 else raw[..., None]
        invalid = np.asarray(np.isin(raw, [mark for mark in marks if mark == mark]).all(axis=-1))
        return invalid | np.isnan(raw).any(axis=-1) if any(mark != mark for mark in marks) else invalid


def check_file_name(where: str, name: str) -> None:
    """Refuse a name of files without the place for the name of the image."""
    if name.count('{}') != 1:
        raise ConfigError(f"{where} has name={name!r}, expected {{}} once, where the image's name is; give one such as "
                          f"'{{}}_depth'")


def _mapped(labels: np.ndarray, valid: np.ndarray, mapping: Mapping[int, int], other: int | None,
            colours: bool) -> np.ndarray:
    """Map each raw number to its class; a number without one gets that of all others, or is refused."""
    numbers = np.array(sorted(mapping))
    classes = np.array([mapping[number] for number in numbers.tolist()])
    places = np.minimum(np.searchsorted(numbers, labels), len(numbers) - 1)
    known = numbers[places] == labels
    if other is None and (valid & ~known).any():
        unknown = np.unique(labels[valid & ~known])
        shown = ', '.join(f'#{number:06x}' if colours else str(number) for number in unknown[:5].tolist())
        raise ValueError(f'found {len(unknown)} {"colours" if colours else "numbers"} without a class ({shown}), '
                         f"expected those of its mapping; add them, or ignore all others with 'other': -1")
    return np.where(known, classes[places], 0 if other is None else other)
