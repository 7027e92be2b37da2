"""The charts that are made of a run's logs and its teacher: losses, learning rate, pseudo-labels, edges."""
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from lhl.tasks import Task
from lhl.tasks.drawing import apply_colour_map

from ..curves import look
from ..labels import figure_text, with_unit
from ..style import COLOURS, LINE, TEXT
from .elements import Chart, Mark, Panel, Picture, style
from .number_tables import Row
from .results_charts import run_marks

#: Classes of a distribution, those with the most pixels first.
_MOST_CLASSES = 14
_TRUTH = COLOURS[1]


@dataclass
class PhaseLog:
    """What was logged while a phase was trained.

    Args:
        phase: Its number, from 1.
        iterations: In which iterations something was logged, ascending.
        losses: By term, its value at each of them; NaN where it was not logged.
        learning_rates: That of the first group of parameters at each of them.
    """

    phase: int
    iterations: list[int] = field(default_factory=list)
    losses: dict[str, list[float]] = field(default_factory=dict)
    learning_rates: list[float] = field(default_factory=list)


@dataclass
class Distribution:
    """How often a teacher predicts what, beside the truth.

    Args:
        run: The run's name.
        task: The task.
        edges: Of the bins, in the task's unit; None for classes.
        predicted: The share of the pixels in each bin, or of each class, in percent.
        truth: Likewise, of the labelled pixels; None where none is labelled.
    """

    run: str
    task: Task
    edges: np.ndarray | None
    predicted: np.ndarray
    truth: np.ndarray | None


@dataclass
class Edges:
    """Where a student disagrees with its teacher about an image, and which pixels are edges of that.

    Args:
        run: The run's name.
        task: The old task's name.
        image: ``(H, W, 3)`` in [0, 1].
        loss_map: ``(H, W)``, the per-pixel distillation loss, 0 or more.
        of_loss: ``(H, W)`` bool, the edge set of the loss map.
        of_prediction: ``(H, W)`` bool, the edge set of the student's prediction.
    """

    run: str
    task: str
    image: np.ndarray
    loss_map: np.ndarray
    of_loss: np.ndarray
    of_prediction: np.ndarray


def losses_chart(logs: Sequence[Sequence[PhaseLog]], names: Sequence[str], tasks: Sequence[str]) -> Chart | None:
    """Draw each run's loss terms over the iterations of the whole stream; None where nothing was logged."""
    table: list[Row] = [['run', 'phase', 'iteration of the phase', 'term', 'loss']]
    kinds: dict[str, int] = {}
    panels = []
    for log, name in zip(logs, names, strict=True):
        if not any(phase.losses for phase in log):
            continue
        for phase in log:
            for term, values in phase.losses.items():
                kinds.setdefault(_kind(term, tasks), len(kinds))
                table += [[name, phase.phase, iteration, term, value]
                          for iteration, value in zip(phase.iterations, values, strict=True) if math.isfinite(value)]
        panels.append(Panel(partial(_draw_losses, log=log, name=name, kinds=kinds, tasks=tasks), 5.6, 2.6))
    if not panels:
        return None
    return Chart('losses', 'Losses by term',
                 'As they were logged, each with its weight, on a logarithmic axis; a term that several tasks have is '
                 'their sum. Dotted lines separate the phases.', panels, table,
                 [Mark(kind, look(place)['color'], look(place)['linestyle']) for kind, place in kinds.items()], 2)


def learning_rate_chart(logs: Sequence[Sequence[PhaseLog]], names: Sequence[str]) -> Chart | None:
    """Draw each run's learning rate over the iterations of the whole stream; None where none was logged."""
    table: list[Row] = [['run', 'phase', 'iteration of the phase', 'learning rate']]
    for log, name in zip(logs, names, strict=True):
        table += [[name, phase.phase, iteration, value] for phase in log
                  for iteration, value in zip(phase.iterations, phase.learning_rates, strict=True)]
    if len(table) == 1:
        return None
    return Chart('learning_rate', 'Learning rate', 'Of the first group of parameters, which is the backbone.',
                 [Panel(partial(_draw_learning_rates, logs=logs), 5.6, 2.2)], table, run_marks(names))


def distribution_chart(distributions: Sequence[Distribution], num_images: int) -> Chart | None:
    """Draw what the teachers of the last phase predict for old tasks (HAD, Fig. 3); None without any."""
    if not distributions:
        return None
    table: list[Row] = [['run', 'task', 'class or bin', 'pseudo-labels (%)', 'truth (%)']]
    panels = []
    for one in distributions:
        bins = one.task.classes if one.edges is None else [
            with_unit(f'{low:.4g} to {high:.4g}', one.task.unit) for low, high in zip(one.edges, one.edges[1:],
                                                                                     strict=False)]
        table += [[one.run, one.task.name, label, float(share), None if one.truth is None else float(one.truth[place])]
                  for place, (label, share) in enumerate(zip(bins, one.predicted, strict=True))]
        panels.append(Panel(partial(_draw_distribution, one=one), 3.7, 2.7))
    return Chart('pseudo_labels', 'How the pseudo-labels are distributed',
                 f'What the teacher of the last phase predicts for the old tasks on {num_images} validation images, in '
                 'percent of the pixels, beside the truth there. A few classes or values take up most pixels; the '
                 'distribution-balanced loss of HAD lets each group of them count equally (Fig. 3 of the paper).',
                 panels, table, [Mark('pseudo-labels', COLOURS[0]), Mark('truth', _TRUTH, '-')])


def edges_chart(edges: Sequence[Edges], threshold: float) -> Chart | None:
    """Draw the edges of the loss map beside those of the prediction (HAD, Fig. 5); None without any."""
    if not edges:
        return None
    table: list[Row] = [['run', 'task', 'edges of the loss map (% of the pixels)',
                         'edges of the prediction (% of the pixels)', 'in both (% of the pixels)']]
    panels: list[Picture] = []
    for one in edges:
        of_loss, of_prediction = one.of_loss, one.of_prediction
        table.append([one.run, one.task, *(float(100 * mask.mean()) for mask in (
            of_loss, of_prediction, of_loss & of_prediction))])
        brightness = 255 * one.loss_map / max(float(one.loss_map.max()), 1e-6)
        panels += [Picture(one.image, f'{one.run}: image'),
                   Picture(apply_colour_map(brightness, cv2.COLORMAP_MAGMA), f'{one.task}: loss map'),
                   Picture(_black(of_loss), 'edges of the loss map'),
                   Picture(_black(of_prediction), 'edges of the prediction')]
    return Chart('edges', 'Edges of the loss map beside those of the prediction',
                 'An old task on the first image above: where the learner after the last phase disagrees with its '
                 f'teacher, the one before; bright is much. Black are the pixels whose Sobel gradient exceeds '
                 f'{threshold:g} of the largest: those of the loss map get the saliency-guided loss of HAD (Fig. 5 of '
                 'the paper).', panels, table, columns=4)


def _kind(term: str, tasks: Sequence[str]) -> str:
    """Name a term without the task whose it is: ``loss_saliency_guided_depth`` is ``saliency_guided``."""
    task = max((task for task in tasks if term.endswith(f'_{task}')), key=len, default='')
    return term.removesuffix(f'_{task}').removeprefix('loss_')


def _draw_losses(panel: Axes, log: Sequence[PhaseLog], name: str, kinds: dict[str, int], tasks: Sequence[str]) -> None:
    panel.set_title(figure_text(name), fontsize=11, color=TEXT)
    start = 0
    for phase in log:
        sums: dict[str, np.ndarray] = {}
        for term, values in phase.losses.items():
            kind = _kind(term, tasks)
            sums[kind] = sums.get(kind, 0) + np.array(values)
        for kind, total in sums.items():
            look_of = look(kinds[kind])
            panel.plot(start + np.array(phase.iterations), np.where(total > 0, total, math.nan), linewidth=1.5,
                       color=look_of['color'], linestyle=look_of['linestyle'], marker=_marker(phase))
        start = _next_start(panel, start, phase)
    panel.set_yscale('log')
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))
    _finish(panel)


def _marker(phase: PhaseLog) -> str:
    """Show the only entry of a short phase, which no line would."""
    return '.' if len(phase.iterations) == 1 else ''


def _draw_learning_rates(panel: Axes, logs: Sequence[Sequence[PhaseLog]]) -> None:
    for place, log in enumerate(logs):
        start = 0
        for phase in log:
            panel.plot(start + np.array(phase.iterations), phase.learning_rates, linewidth=2, alpha=0.8,
                       color=look(place)['color'], linestyle=look(place)['linestyle'], marker=_marker(phase))
            start = _next_start(panel, start, phase)
    panel.set_ylim(bottom=0)
    _finish(panel)


def _next_start(panel: Axes, start: int, phase: PhaseLog) -> int:
    """Separate a phase from the next one."""
    start += phase.iterations[-1] if phase.iterations else 0
    panel.axvline(start, color=LINE, linewidth=0.8, linestyle=':')
    return start


def _finish(panel: Axes) -> None:
    style(panel)
    panel.set_xlabel('iteration of the stream', fontsize=9, color=TEXT)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def _draw_distribution(panel: Axes, one: Distribution) -> None:
    panel.set_title(figure_text(f'{one.run}: {one.task.name}'), fontsize=11, color=TEXT)
    if one.edges is None:
        shown = np.argsort(-one.predicted, kind='stable')[:_MOST_CLASSES]
        panel.bar(range(len(shown)), one.predicted[shown], color=COLOURS[0], width=0.8)
        if one.truth is not None:
            panel.plot(range(len(shown)), one.truth[shown], color=_TRUTH, linestyle='', marker='_', markersize=9,
                       markeredgewidth=2)
        panel.set_xticks(range(len(shown)), [figure_text(one.task.classes[place]) for place in shown], rotation=45,
                         ha='right', rotation_mode='anchor')
    else:
        panel.stairs(one.predicted, one.edges, fill=True, color=COLOURS[0])
        if one.truth is not None:
            panel.stairs(one.truth, one.edges, color=_TRUTH, linewidth=2)
        panel.set_xlabel(figure_text(with_unit(one.task.name, one.task.unit)), fontsize=9, color=TEXT)
    style(panel)
    panel.set_ylabel('% of the pixels', fontsize=9, color=TEXT)


def _black(mask: np.ndarray) -> np.ndarray:
    """Draw a mask black on light grey."""
    return np.where(mask[..., None], np.uint8(0), np.full(3, 235, np.uint8))
