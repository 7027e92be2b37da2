"""HAD: heterogeneity-aware distillation (Zhang et al., CVPR 2026, Eq. 4 to 10)."""
from typing import Literal

from torch import Tensor

from lhl.errors import ConfigError
from lhl.options import Count, Fraction, NotNegative, Positive
from lhl.registry import METHODS, MODELS
from lhl.tasks import Task

from .dis import DIS
from .prediction_edges import predicted_edge_source


@METHODS.register_module()
class HAD(DIS):
    """Distil with two losses: every group of pixels counts equally, and the edges of the loss count once more.

    It is DIS with another distance: Eq. 4's ``alpha / (2 (t - 1))`` is Eq. 3's ``alpha / (t - 1)`` times the half
    below. The half stays when a term is dropped (Table 4), so that the other term keeps its weight.

    Args:
        alpha: Weight of the distillation.
        group_threshold: Splits a regression task's pixels in two (Sec. 4.2).
        distribution_balanced: Config of :class:`lhl.losses.DistributionBalancedLoss`, or ``None`` to drop the term.
        saliency_guided: Config of :class:`lhl.losses.SaliencyGuidedLoss`, or ``None`` to drop the term.
        num_intervals: Split a regression task into so many intervals of equal width instead (Table 4).
        edge_source: The map in which the saliency-guided term finds its edges: ``'loss'`` (the paper) or
            ``'prediction'``, the student's (the alternative of its Fig. 5).
        arithmetic_regression: Take arithmetic means inside the groups of tasks that have no classes, as the authors'
            code does.
        saliency_of_regression: Keep the saliency-guided term for tasks that have no classes (the paper).
            ``False`` leaves them the distribution-balanced one; normals were kept better so.
        temperature: See :class:`lhl.methods.DIS`; the groups are those of the pseudo-labels in any case.
        evaluation_mode: See :class:`lhl.methods.DIS`.
    """

    def __init__(self, alpha: NotNegative, group_threshold: Fraction, distribution_balanced: dict | None,
                 saliency_guided: dict | None, num_intervals: Count | None = None,
                 edge_source: Literal['loss', 'prediction'] = 'loss', arithmetic_regression: bool = False,
                 saliency_of_regression: bool = True, temperature: Positive | None = None,
                 evaluation_mode: bool = False) -> None:
        super().__init__(alpha, temperature, evaluation_mode)
        if edge_source not in ('loss', 'prediction'):
            raise ConfigError(f"edge_source={edge_source!r} is unknown to HAD; use 'loss' or 'prediction'")
        if distribution_balanced is None and saliency_guided is None:
            raise ConfigError('HAD was given neither distribution_balanced nor saliency_guided; keep one of them, or '
                              'use the method DIS or Vanilla')
        if distribution_balanced is None and not saliency_of_regression:
            raise ConfigError('HAD was given distribution_balanced=None and saliency_of_regression=False, so that '
                              'tasks without classes would not be distilled; keep one of the two terms for them')
        self.group_threshold = group_threshold
        self.num_intervals = num_intervals
        self.edge_source = edge_source
        self.arithmetic_regression = arithmetic_regression
        self.saliency_of_regression = saliency_of_regression
        self.distribution_balanced, self.saliency_guided = (
            MODELS.build(term) if term is not None else None for term in (distribution_balanced, saliency_guided))

    def distillation(self, task: Task, prediction: Tensor, teacher_prediction: Tensor) -> dict[str, Tensor]:
        """Half of L_db and half of L_sg, each averaged over the images (Eq. 5)."""
        pseudo_label = task.pseudo_label(teacher_prediction)
        loss_map = self.loss_map(task, prediction, teacher_prediction, pseudo_label)  # Eq. 7
        terms = {}
        if self.distribution_balanced is not None:
            groups, num_groups = task.groups(pseudo_label, self.group_threshold, self.num_intervals)
            mean = 'arithmetic' if self.arithmetic_regression and not task.groups_are_classes else None
            terms['distribution_balanced'] = 0.5 * self.distribution_balanced(loss_map, groups, num_groups, mean).mean()
        if self.saliency_guided is not None and (self.saliency_of_regression or task.groups_are_classes):
            edge_map = predicted_edge_source(task, prediction.detach()) if self.edge_source == 'prediction' else None
            terms['saliency_guided'] = 0.5 * self.saliency_guided(loss_map, edge_map).mean()
        return terms
