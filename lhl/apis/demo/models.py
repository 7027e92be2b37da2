"""What the page shows of an image: what one or two runs predict after a phase. Knows no web page."""
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lhl.datasets.io.files import IMAGE_SUFFIXES, load_image_file
from lhl.errors import DataError, RunError
from lhl.evaluation import Results
from lhl.visualization.labels import listed, run_names
from lhl.visualization.prediction_panel import as_target, render_prediction
from lhl.visualization.views import has_scale

from ..image_prediction import Inferencer, Prediction
from ..image_sources import Frame


class Panel(NamedTuple):
    """What a run predicts for an image after a phase."""

    title: str  #: the run, the phase and the tasks that it knew
    picture: np.ndarray  #: ``(H, W, 3)`` uint8, as ``lhl predict`` draws it


class DemoModels:
    """The models of one or two runs after each of their phases, loaded when they are first asked for.

    Args:
        runs: Folders of runs of one stream.
        device: Where to predict, such as ``'cuda'``.
        trust_config: Let the configs inside the runs name code and import modules. Otherwise they may name registered
            components only.

    Raises:
        RunError: If a folder is no run, a run has not finished a phase, or they are of different streams.
        CheckpointError: If the last checkpoint of a run cannot be used.
        ConfigError: If the device is not there.
    """

    def __init__(self, runs: Sequence[str | Path], device: str = 'cpu', trust_config: bool = False) -> None:
        for run in runs:
            if not Path(run).is_dir():
                raise RunError(f'{run} is no folder, expected that of a run; lhl predict takes single checkpoints')
        results = [Results.load(run) for run in runs]
        for run, result in zip(runs, results, strict=True):
            if not result.phases:
                raise RunError(f'the run in {run} has not finished a phase yet; continue it with `resume=True`')
            if sorted(result.stream) != sorted(results[0].stream):
                raise RunError(f'{run} learned {", ".join(result.stream)} but {runs[0]} learned '
                               f'{", ".join(results[0].stream)}; show runs of one stream side by side, or one alone')
        self.runs, self._results = [Path(run) for run in runs], results
        self._device, self._trust_config = device, trust_config
        self._loaded: dict[tuple[int, int], Inferencer] = {}
        #: What each run is called.
        self.names = run_names(results)
        #: The number of phases of the run that has most.
        self.last_phase = max(len(result.phases) for result in results)
        for number in range(len(runs)):
            self._model(number, self.last_phase)

    def panels(self, path: str | Path, phase: int) -> list[Panel]:
        """Predict an image with each run.

        Args:
            path: Of a PNG, JPEG, TIFF or NPY file.
            phase: After which, from 1; a run that has not so many stands at its last one.

        Raises:
            DataError: If the file cannot be read.
            CheckpointError: If the checkpoint of that phase cannot be used.
        """
        path, phase = Path(path), min(max(phase, 1), self.last_phase)
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            raise DataError(f'{path.name} is no image that can be read, expected one of {", ".join(IMAGE_SUFFIXES)}')
        frame = Frame(path.stem, path.name, partial(load_image_file, path))
        models = [self._model(number, phase) for number in range(len(self.runs))]
        predictions = [next(model.predict([frame])) for model in models]
        ranges = _common_ranges(models, predictions)
        return [Panel(self._title(number, phase), render_prediction(
            one.image, one.outputs, model.tasks, len(one.outputs) + 1 if len(models) == 1 else 2, ranges))
            for number, (model, one) in enumerate(zip(models, predictions, strict=True))]

    def _model(self, number: int, phase: int) -> Inferencer:
        phase = min(phase, len(self._results[number].phases))
        if (number, phase) not in self._loaded:
            self._loaded[number, phase] = Inferencer(
                self.runs[number], self._device, trust_config=self._trust_config, phase=phase)
        return self._loaded[number, phase]

    def _title(self, number: int, phase: int) -> str:
        phases = self._results[number].phases[:phase]
        return (f'{self.names[number]} after phase {len(phases)} of {len(self._results[number].phases)}, knows '
                f'{listed([task for one in phases for task in one.tasks])}')


def _common_ranges(models: Sequence[Inferencer], predictions: Sequence[Prediction]) -> dict[str, tuple[float, float]]:
    """Find for each task of numbers the lowest and highest that any run predicts: one scale for all of them."""
    ranges: dict[str, tuple[float, float]] = {}
    for model, prediction in zip(models, predictions, strict=True):
        for name, output in prediction.outputs.items():
            if has_scale(model.tasks[name]):
                numbers = as_target(output)
                low, high = ranges.get(name, (np.inf, -np.inf))
                ranges[name] = min(low, float(numbers.min())), max(high, float(numbers.max()))
    return ranges
