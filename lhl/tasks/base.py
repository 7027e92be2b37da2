"""What a task is: everything that depends on the kind of its output, behind one contract."""
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from torch import Tensor

from lhl.errors import ConfigError
from lhl.losses import interval_groups, masked_mean, threshold_groups
from lhl.options import Count

from .mirroring import mirrored


class Task:
    """A prediction task: its loss, pseudo-labels, groups, augmentation, metric and drawing.

    A new kind is one subclass in one file that defines :meth:`loss_map` and :meth:`draw`; every other member has a
    default, which suits a map of numbers:

    - learning: :meth:`predict`, :meth:`loss_map`, :meth:`label_loss_map`, :meth:`loss`; distillation:
      :meth:`pseudo_label`, :meth:`soft_loss_map`, :meth:`groups`, :attr:`groups_are_classes`;
    - data: :attr:`interpolation`, :attr:`image_level`, :meth:`has_target`, :meth:`check_target`, :meth:`flip_target`,
      :meth:`zoom_target`;
    - results: :attr:`default_metric`, :meth:`metrics`, :meth:`draw`;
    - of a kind with classes: :attr:`classes`, :attr:`palette`, :attr:`labels`; with a unit: :attr:`unit`, :attr:`mean`,
      :attr:`std`.

    Methods, metric loops and figures use what is declared here and never ask which kind a task is. What a single method
    or metric needs beyond that is a function in a file beside it, with a default for kinds that it does not know.

    A *target* is float32 ``(B, C, H, W)`` or, for classes, int64 ``(B, H, W)``, with a bool validity mask
    ``(B, H, W)`` beside it. Before batching, as data sets and transforms see them, targets are numpy arrays
    ``(H, W, C)`` or ``(H, W)``. A task is dense, with one output per pixel, or :attr:`image_level`: then H and W are
    1 in all shapes of targets and predictions here, whatever the size of the image.

    Args:
        name: The task's name in the stream, the config and the results.
        out_channels: Channels of the head's output.
        metrics: Configs of the registered metrics that score the task, such as ``[dict(type='LossMetric')]``. Default:
            those of its kind.

    Raises:
        ConfigError: If ``metrics`` is not a list of one or more configs.
    """

    #: The metric that scores the kind unless the config says otherwise, with its arguments.
    default_metric: ClassVar[dict[str, Any]] = dict(type='LossMetric')
    #: How a target is resampled: class indices must not be mixed.
    interpolation: ClassVar[Literal['nearest', 'bilinear']] = 'bilinear'
    #: Whether there is one output for the whole image, which neither the learner nor a transform resizes.
    image_level: ClassVar[bool] = False
    #: Whether the :meth:`groups` are classes; if not, they are parts of a range of values.
    groups_are_classes: ClassVar[bool] = False

    #: The names of all classes of the head, by index. Empty unless a target is a class index, as are the next two; see
    #: :class:`~lhl.tasks.classification.Classification`.
    classes: tuple[str, ...] = ()
    #: The colours of all classes, ``(num_classes, 3)`` uint8 RGB.
    palette: np.ndarray = np.zeros((0, 3), np.uint8)
    #: The class indices that the task teaches and is scored on.
    labels: tuple[int, ...] = ()

    #: The unit of targets and predictions, for legends; empty where they have none.
    unit: ClassVar[str] = ''
    #: What an output of 0 stands for, per channel, in the target's unit. Empty unless targets are numbers in a unit of
    #: their own, as is the next; see :class:`~lhl.tasks.regression.Regression`.
    mean: tuple[float, ...] = ()
    #: What an output of 1 adds to it.
    std: tuple[float, ...] = ()

    def __init__(self, name: str, out_channels: Count, metrics: Sequence[Mapping] | None = None) -> None:
        if metrics is not None and (isinstance(metrics, Mapping) or not metrics):
            raise ConfigError(f'task {name!r} has metrics={metrics}, expected a list of one or more configs such as '
                              f"[dict(type='LossMetric')]")
        self.name = name
        #: The name of its head, which is its own unless its kind lets tasks share one.
        self.head = name
        self.out_channels = out_channels
        self._metrics = metrics

    # ---- learning ----------------------------------------------------------------------------------------------

    def predict(self, raw: Tensor) -> Tensor:
        """Turn the head's output into the prediction.

        Args:
            raw: ``(B, C, H, W)`` float32 head output, of a dense task already at the size of the image.

        Returns:
            ``(B, C, H, W)`` prediction in the task's unit.
        """
        return raw

    def loss_map(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute the per-pixel task loss of HAD's Table 5, which is also its per-pixel distillation loss.

        Args:
            prediction: ``(B, C, H, W)`` from :meth:`predict`.
            target: In the form described above; may be a pseudo-label.

        Returns:
            ``(B, H, W)`` non-negative losses.
        """
        raise NotImplementedError(f'{type(self).__name__} must define loss_map')

    def label_loss_map(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Compute the per-pixel loss to a label of the data set, which a kind may smooth; here :meth:`loss_map`."""
        return self.loss_map(prediction, target)

    def loss(self, prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """Average the loss to the labels over the valid pixels of the batch: L_new.

        Args:
            prediction: ``(B, C, H, W)``.
            target: In the form described above.
            valid: ``(B, H, W)`` bool.

        Returns:
            A scalar; 0, connected to the graph, where no pixel is valid.
        """
        return masked_mean(self.label_loss_map(prediction, target), valid)

    def pseudo_label(self, prediction: Tensor) -> Tensor:
        """Turn a prediction ``(B, C, H, W)`` of the teacher into a target, in the form of the ground truth."""
        return prediction

    def soft_loss_map(self, prediction: Tensor, teacher_prediction: Tensor, temperature: float) -> Tensor:
        """Compute the per-pixel distance to the teacher's soft targets, of which a pseudo-label may keep less.

        Args:
            prediction: The student's, ``(B, C, H, W)``.
            teacher_prediction: The teacher's, ``(B, C, H, W)``; a constant.
            temperature: Softens probabilities, above 0. A kind without probabilities, as here, takes the loss to the
                pseudo-label.

        Returns:
            ``(B, H, W)`` non-negative losses.
        """
        return self.loss_map(prediction, self.pseudo_label(teacher_prediction))

    def groups(self, pseudo_label: Tensor, group_threshold: float,
               num_intervals: int | None = None) -> tuple[Tensor, int]:
        """Partition the pixels of each image by the teacher's pseudo-label (HAD, Sec. 4.2).

        Args:
            pseudo_label: From :meth:`pseudo_label`.
            group_threshold: Splits the min-max normalised channel mean of a regression task in two.
            num_intervals: Split a regression task into this many intervals of equal width instead (Table 4).

        Returns:
            The group index ``(B, H, W)`` int64 and the number of groups.
        """
        if num_intervals is not None:
            return interval_groups(pseudo_label, num_intervals)
        return threshold_groups(pseudo_label, group_threshold)

    # ---- data --------------------------------------------------------------------------------------------------

    def has_target(self, target: np.ndarray) -> np.ndarray:
        """Mark where a target holds something to learn, apart from what the data set knows to be invalid.

        Args:
            target: ``(H, W, C)`` float32, or ``(H, W)`` integer for classes.

        Returns:
            ``(H, W)`` bool; here everywhere.
        """
        return np.ones(target.shape[:2], bool)

    def check_target(self, target: np.ndarray, valid: np.ndarray) -> None:
        """Refuse impossible values before training on them.

        Args:
            target: ``(H, W, C)`` float32, or ``(H, W)`` integer for classes.
            valid: ``(H, W)`` bool.

        Raises:
            ValueError: With the clause "found ..., expected ..."; the data set adds the file's name.
        """
        if not np.isfinite(target[valid]).all():
            count = int((~np.isfinite(target[valid])).sum())
            raise ValueError(f'found {count} values that are NaN or infinite among the valid pixels, '
                             f'expected finite numbers')

    def flip_target(self, target: np.ndarray) -> np.ndarray:
        """Mirror a target ``(H, W, C)`` or ``(H, W)`` left to right, values included where they have a direction."""
        return mirrored(target)

    def zoom_target(self, target: np.ndarray, scale: float) -> np.ndarray:
        """Correct the values of a target that was enlarged by ``scale`` around the optical axis (1 is no zoom)."""
        return target

    # ---- results -----------------------------------------------------------------------------------------------

    def metrics(self) -> list[dict]:
        """Return the configs of the registered metrics that score this task."""
        return [dict(metric, task=self.name) for metric in self._metrics or [self.default_metric]]

    def draw(self, target: np.ndarray, valid: np.ndarray | None = None,
             value_range: tuple[float, float] | None = None) -> np.ndarray:
        """Draw a target, or a prediction turned into one by :meth:`pseudo_label`.

        Args:
            target: One image's target: int ``(H, W)`` or float ``(C, H, W)``.
            valid: ``(H, W)`` bool; invalid pixels are drawn black.
            value_range: The values that get the first and the last colour, where the task has a colour scale;
                give ground truth and predictions the same range. ``None`` takes the target's own.

        Returns:
            ``(H, W, 3)`` uint8 RGB; for an image-level task a tile of any size.
        """
        raise NotImplementedError(f'{type(self).__name__} must define draw')

    def __repr__(self) -> str:
        return f'{type(self).__name__}(name={self.name!r}, out_channels={self.out_channels})'
