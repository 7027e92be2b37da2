"""Predicts images with the learners of all phases, and looks at what each teacher said."""
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lhl.engine.checkpoint import build_learner, read_recorded, recorded_checkpoint
from lhl.errors import CheckpointError
from lhl.evaluation import Results
from lhl.losses import edge_set
from lhl.methods.prediction_edges import predicted_edge_source
from lhl.models import Learner
from lhl.registry import METRICS
from lhl.tasks import Task
from lhl.visualization import Frame, View
from lhl.visualization.labels import listed, short_number
from lhl.visualization.page import Distribution, Edges

from .images import Candidate, Candidates

#: The edge threshold of a method that has none.
EDGE_THRESHOLD = 0.5
_NUM_BINS = 32


@dataclass
class Replay:
    """What the learners of a run predict for the chosen images.

    Args:
        predictions: For each shown image, per task and phase from 1, the prediction ``(C, H, W)``.
        distributions: What the teacher of the last phase predicts for its old tasks.
        edges: Of its old tasks, on the first image.
        missing: Why phases have no predictions.
    """

    predictions: list[dict[str, dict[int, Tensor]]]
    distributions: list[Distribution] = field(default_factory=list)
    edges: list[Edges] = field(default_factory=list)
    missing: dict[int, CheckpointError] = field(default_factory=dict)

    @property
    def note(self) -> str:
        """Say which phases have no predictions, and why the first of them has none; empty where all have some."""
        if not self.missing:
            return ''
        phases = f'phase{"s" if len(self.missing) > 1 else ""} {listed(list(map(str, self.missing)))}'
        return f'there are no predictions of {phases}: {next(iter(self.missing.values()))}.'


@torch.no_grad()
def replay(run: str | Path, results: Results, name: str, images: Candidates, edge_threshold: float) -> Replay:
    """Predict the chosen images with the learner of each finished phase of a run.

    A task that a phase's learner does not have, since each phase has a model of its own, keeps its prediction.
    """
    played = Replay([{} for _ in images.shown])
    teacher = learner = None
    for phase, learner in _learners(run, results, played.missing):
        for of_image, candidate in zip(played.predictions, images.shown, strict=True):
            for task, prediction in _predict(learner, candidate).items():
                of_image.setdefault(task, {})[phase] = prediction
            for frames in of_image.values():
                frames.setdefault(phase, frames[max(frames)])
        if phase == len(results.phases) - 1:
            teacher = learner
    if teacher is not None and learner is not None and set(teacher.tasks) <= set(learner.tasks):
        played.distributions = [distribution_of(name, task, teacher, images.looked_at)
                                for task in teacher.distinct_outputs(teacher.tasks)
                                if not teacher.tasks[task].image_level]
        if images.shown:
            played.edges = _edges(name, teacher, learner, images.shown[0], edge_threshold)
    return played


def views_of(images: Candidates, replays: Mapping[str, Replay]) -> list[View]:
    """Arrange what several runs predict by image and row; tasks that share a head are one row, that with a truth."""
    views = []
    for place, (label, sample) in enumerate(images.shown):
        shown = {}
        for name, task in images.tasks.items():
            if task.head not in shown or (name in sample['valid'] and sample['valid'][name].any()):
                shown[task.head] = name
        known = {row: name for row, name in shown.items() if name in sample['targets']}
        frames = {run: {row: {phase: _frame(images.tasks[name], prediction, sample, images.metrics.get(name))
                              for phase, prediction in played.predictions[place].get(name, {}).items()}
                        for row, name in shown.items()} for run, played in replays.items()}
        views.append(View(label, sample['inputs'].permute(1, 2, 0).numpy(),
                          {row: sample['targets'][name].numpy() for row, name in known.items()},
                          {row: sample['valid'][name].numpy() for row, name in known.items()}, frames))
    return views


def score_of_image(task: Task, prediction: Tensor, sample: Mapping[str, Any], config: Mapping | None = None) -> str:
    """Score a prediction ``(C, H, W)`` of one image by a metric, by default the first of its task: ``mIoU 21.3 %``.

    Empty where the image has no truth, or the metric is not defined for one image.
    """
    if task.name not in sample['targets'] or not sample['valid'][task.name].any():
        return ''
    metric = METRICS.build(config or task.metrics()[0])
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)  # of how few classes a single image has
    try:
        metric.process({key: {task.name: sample[key][task.name][None]} for key in ('targets', 'valid')},
                       [{task.name: prediction}])
        name, value = next(iter(metric.compute_metrics(metric.results).items()))
    finally:
        logging.disable(before)
    if not math.isfinite(value):
        return ''
    return f'{name} {short_number(value, metric.units.get(name, ""))}'


def distribution_of(run: str, name: str, teacher: Learner, images: Sequence[Candidate]) -> Distribution:
    """Count how often a teacher predicts each class or value of a task on some images, beside the truth there."""
    task = teacher.tasks[name]
    predicted, truths = [], []
    for candidate in images:
        pseudo_label = task.pseudo_label(_predict(teacher, candidate, [name])[name][None])[0]
        predicted.append(_scalars(pseudo_label).flatten())
        if name in candidate.sample['targets']:
            truths.append(_scalars(candidate.sample['targets'][name])[candidate.sample['valid'][name]])
    shares, truth = torch.cat(predicted).numpy(), torch.cat(truths).numpy() if truths else np.zeros(0)
    if task.classes:
        counts = [np.bincount(values.astype(int), minlength=len(task.classes)) for values in (shares, truth)]
        edges = None
    else:
        both = np.concatenate([shares, truth])
        edges = np.histogram_bin_edges(both, _NUM_BINS)
        counts = [np.histogram(values, edges)[0] for values in (shares, truth)]
    return Distribution(run, task, edges, 100 * counts[0] / max(1, counts[0].sum()),
                        100 * counts[1] / counts[1].sum() if counts[1].sum() else None)


def _scalars(target: Tensor) -> Tensor:
    """Reduce a target to a class or a number per pixel, ``(H, W)``: the mean of its channels, as groups do."""
    return target.float().mean(dim=0) if target.dim() == 3 else target


def _learners(run: str | Path, results: Results, missing: dict[int, CheckpointError]) -> Iterator[tuple[int, Learner]]:
    """Load the learner of each finished phase in turn."""
    for phase in results.phases:
        path = recorded_checkpoint(run, phase)
        try:
            yield phase.phase, build_learner(read_recorded(path, phase), path)
        except CheckpointError as error:
            missing[phase.phase] = error


def _predict(learner: Learner, candidate: Candidate, names: Sequence[str] | None = None) -> dict[str, Tensor]:
    """Predict the tasks of an image, ``(C, H, W)`` each in the task's unit."""
    inputs = learner.data_preprocessor(dict(inputs=candidate.sample['inputs'][None]))['inputs']
    predictions = learner.predict_tasks(learner.extract_features(inputs), names or learner.tasks, inputs.shape[-2:])
    return {name: prediction[0] for name, prediction in predictions.items()}


def _frame(task: Task, prediction: Tensor, sample: Mapping[str, Any], metric: Mapping | None) -> Frame:
    return Frame(task.pseudo_label(prediction[None])[0].numpy(), score_of_image(task, prediction, sample, metric))


def _edges(run: str, teacher: Learner, student: Learner, candidate: Candidate, threshold: float) -> list[Edges]:
    """Find the edges of each old task's loss map and prediction on an image (HAD, Eq. 7 to 9 and Fig. 5)."""
    found = []
    taught, learned = _predict(teacher, candidate), _predict(student, candidate)
    for name in teacher.distinct_outputs(teacher.tasks):
        task, prediction = student.tasks[name], learned[name][None]
        if task.image_level:
            continue
        loss_map = task.loss_map(prediction, task.pseudo_label(taught[name][None]))
        masks = [edge_set(of, threshold)[0].numpy() for of in (loss_map, predicted_edge_source(task, prediction))]
        found.append(Edges(run, name, candidate.sample['inputs'].permute(1, 2, 0).numpy(), loss_map[0].numpy(), *masks))
    return found
