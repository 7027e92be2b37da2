"""Writes predictions into files: pictures to look at, PNG and NPY to compute with."""
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lhl.atomic import atomic_write
from lhl.errors import ConfigError, suggest
from lhl.tasks import Task
from lhl.visualization.prediction_panel import draw_prediction

from .image_prediction import Prediction

FORMATS = ('panel', 'png', 'npy')
#: What a step of a 16-bit PNG stands for, where the unit is metres: a millimetre, so that 0 to 65.535 m are held.
_STEP_M = 0.001
_LARGEST = np.iinfo(np.uint16).max


class PredictionWriter:
    """Writes each prediction into ``out``, and ``predictions.json``, which says what every file holds.

    - ``panel``: ``panel/NAME.png``, the image beside a picture of each task, with the names of classes and scales;
    - ``png``: ``TASK/NAME.png``, class indices, or numbers in 16 bits: millimetres where the unit is metres, 0 to 65535
      where it is counts, otherwise ``value = offset + scale * stored``, with the two numbers in ``predictions.json``;
    - ``npy``: ``TASK/NAME.npy``, the numbers as they are, in their unit.

    Args:
        out: The folder.
        tasks: The tasks by name.
        formats: Some of ``FORMATS``.

    Raises:
        ConfigError: If a format is unknown, or no folder is named.
    """

    def __init__(self, out: str | Path, tasks: Mapping[str, Task], formats: Sequence[str] = ('panel', )) -> None:
        if not str(out):
            raise ConfigError('`out` is empty, expected the folder to write to')
        for name in formats:
            if name not in FORMATS:
                raise ConfigError(f'`formats` names {name!r}, which is unknown; {suggest(name, FORMATS)}')
        self.out, self.tasks, self.formats = Path(out), tasks, tuple(formats)
        self.written: dict[str, dict[str, Any]] = {}

    def write(self, prediction: Prediction) -> None:
        """Write the files of one image."""
        files: dict[str, Any] = {}
        if 'panel' in self.formats:
            path = self.out / 'panel' / f'{prediction.name}.png'
            draw_prediction(prediction.image, prediction.outputs, self.tasks, path)
            files['panel'] = self._relative(path)
        for task, output in prediction.outputs.items():
            about: dict[str, Any] = {'unit': prediction.units[task]} if prediction.units[task] else {}
            if 'png' in self.formats and (output.ndim == 2 or output.shape[2] == 3):
                path = self.out / task / f'{prediction.name}.png'
                stored, decoding = encode_png(output, self.tasks[task])
                _write_png(stored, path)
                about.update(png=self._relative(path), **decoding)
            if 'npy' in self.formats:
                path = self.out / task / f'{prediction.name}.npy'
                with atomic_write(path) as file:
                    np.save(file, output)
                about['npy'] = self._relative(path)
            if len(about) > ('unit' in about):
                files[task] = about
        self.written[prediction.name] = files

    def close(self) -> Path:
        """Write ``predictions.json``: the classes of the tasks, and of each image the files with their meaning."""
        path = self.out / 'predictions.json'
        document = dict(classes={name: list(task.classes) for name, task in self.tasks.items() if task.classes},
                        images=self.written)
        with atomic_write(path) as file:
            file.write((json.dumps(document, indent=1) + '\n').encode())
        return path

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.out).as_posix()


def encode_png(output: np.ndarray, task: Task) -> tuple[np.ndarray, dict[str, float]]:
    """Turn an output into whole numbers of 8 or 16 bits.

    Args:
        output: ``(H, W)`` class indices, or ``(H, W)`` or ``(H, W, 3)`` numbers.
        task: The task.

    Returns:
        What is stored, and ``offset`` and ``scale`` with which ``value = offset + scale * stored``; none for classes.
    """
    if task.classes:
        return output.astype(np.uint8 if len(task.classes) <= 256 else np.uint16), {}
    if task.unit == 'm':
        low, step = 0.0, _STEP_M
    elif task.unit == 'counts':
        low, step = 0.0, 1.0
    elif output.ndim == 3:  # directions and the like
        limit = max(float(np.abs(output).max()), 1.0)
        low, step = -limit, 2 * limit / _LARGEST
    else:
        low = float(output.min())
        step = (float(output.max()) - low) / _LARGEST or 1.0
    stored = np.clip(np.rint((output.astype(np.float64) - low) / step), 0, _LARGEST).astype(np.uint16)
    return stored, dict(offset=low, scale=step)


def _write_png(picture: np.ndarray, path: Path) -> None:
    _, content = cv2.imencode('.png', picture if picture.ndim == 2 else picture[..., ::-1])
    with atomic_write(path) as file:
        file.write(content.tobytes())
