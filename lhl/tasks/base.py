"""What a task is: everything that depends on the kind of its output, behind one contract."""
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from lhl.errors import ConfigError
from lhl.losses import DistillationViews, interval_groups, masked_mean, threshold_groups


class Task:
    """A prediction task: its loss, pseudo-labels, groups, augmentation, metric and drawing.

    No method, metric loop or figure asks which kind a task is; a new kind is one subclass in one file. The base
    class holds what all regression tasks share.

    A *target* is float32 ``(B, C, H, W)`` or, for classes, int64 ``(B, H, W)``, with a bool validity mask
    ``(B, H, W)`` beside it. Before batching, as data sets and transforms see them, targets are numpy arrays
    ``(H, W, C)`` or ``(H, W)``. A task is dense, with one output per pixel, or :attr:`image_level`: then H and W are
    1 in all that is said about targets and predictions here, whatever the size of the image.

    Args:
        name: The task's name in the stream, the config and the results.
        out_channels: Channels of the head's output.
        metrics: Configs of the registered metrics that score the task, such as ``[dict(type='LossMetric')]``. Default:
            those of its kind.
    """

    #: The metric that scores the kind unless the config says otherwise, with its arguments.
    default_metric: ClassVar[dict] = dict(type='LossMetric')
    #: How a target is resampled: class indices must not be mixed.
    interpolation: ClassVar[Literal['nearest', 'bilinear']] = 'bilinear'
    #: Whether there is one output for the whole image, which neither the learner nor a transform resizes.
    image_level: ClassVar[bool] = False

    def __init__(self, name: str, out_channels: int, metrics: Sequence[Mapping] | None = None) -> None:
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
            target: Of the task's target form; a pseudo-label serves.

        Returns:
            ``(B, H, W)`` non-negative losses.
        """
        raise NotImplementedError(f'{type(self).__name__} must define loss_map')

    def loss(self, prediction: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """Average the loss map over the valid pixels of the batch: L_new.

        Args:
            prediction: ``(B, C, H, W)``.
            target: Of the task's target form.
            valid: ``(B, H, W)`` bool.

        Returns:
            A scalar; 0, connected to the graph, where no pixel is valid.
        """
        return masked_mean(self.loss_map(prediction, target), valid)

    def pseudo_label(self, prediction: Tensor) -> Tensor:
        """Turn a prediction ``(B, C, H, W)`` of the teacher into a target of the ground truth's form."""
        return prediction

    def soft_loss_map(self, prediction: Tensor, teacher_prediction: Tensor, temperature: float) -> Tensor:
        """Compute the per-pixel distance to all that the teacher says, where a pseudo-label may say less.

        Args:
            prediction: The student's, ``(B, C, H, W)``.
            teacher_prediction: The teacher's, ``(B, C, H, W)``; a constant.
            temperature: Softens probabilities; a regression task has none and takes the loss to the pseudo-label.

        Returns:
            ``(B, H, W)`` non-negative losses.
        """
        return self.loss_map(prediction, self.pseudo_label(teacher_prediction))

    def distillation_views(self, prediction: Tensor, teacher_prediction: Tensor,
                           temperature: float = 1.0) -> DistillationViews:
        """Show what student and teacher say as numbers of one sign, whose rows and columns can be compared.

        Args:
            prediction: The student's, ``(B, C, H, W)`` from :meth:`predict`.
            teacher_prediction: The teacher's, ``(B, C, H, W)``; a constant.
            temperature: Softens probabilities; a regression task has none.
        """
        raise NotImplementedError(f'{type(self).__name__} must define distillation_views')

    def groups(self, pseudo_label: Tensor, group_threshold: float,
               num_intervals: int | None = None) -> tuple[Tensor, int]:
        """Partition the pixels of each image by the teacher's pseudo-label (HAD, Sec. 4.2).

        Args:
            pseudo_label: From :meth:`pseudo_label`.
            group_threshold: Splits the min-max normalised channel mean of a regression task in two.
            num_intervals: Split a regression task into so many intervals of equal width instead (Table 4).

        Returns:
            The group index ``(B, H, W)`` int64 and the number of groups.
        """
        if num_intervals is not None:
            return interval_groups(pseudo_label, num_intervals)
        return threshold_groups(pseudo_label, group_threshold)

    def prediction_map(self, prediction: Tensor) -> Tensor:
        """Give the map ``(B, C, H, W)`` whose edges are the prediction's edges (HAD, Fig. 5)."""
        return prediction

    # ---- inversion ---------------------------------------------------------------------------------------------

    def inversion_labels(self, same_head: Sequence['Task'], count: int, generator: torch.Generator) -> Tensor | None:
        """Draw what images that are to be inverted shall show, if that can be said before any is looked at.

        Args:
            same_head: The old tasks whose head is this task's, itself among them.
            count: How many images there are.
            generator: Of the draws.

        Returns:
            ``(N, )`` int64 for the first N of the images, with N at most ``count``: the others are left out. ``None``,
            as here, where the images say it, see :meth:`inversion_loss`.
        """
        return None

    def inversion_loss(self, prediction: Tensor, labels: Tensor | None) -> Callable[[Tensor], Tensor]:
        """Say how far images are from what they shall show: here the layout of another image, which is transplanted.

        An image of a dense task has no single class. Each is to be given the teacher's pseudo-label of the image
        before it, and the last one's goes to the first. The loss to it is divided by what it is at the start, because
        losses of different tasks have different units.

        Args:
            prediction: The teacher's for the images as they are, ``(B, C, H, W)``.
            labels: From :meth:`inversion_labels`, those of these images.

        Returns:
            From the teacher's prediction for the changed images ``(B, C, H, W)``, differentiable, to a scalar.
        """
        layout = self.pseudo_label(prediction).roll(1, dims=0)
        start = self.loss_map(prediction, layout).mean()
        start = torch.where(start > 0, start, 1.0)
        return lambda changed: self.loss_map(changed, layout).mean() / start

    # ---- data --------------------------------------------------------------------------------------------------

    def has_target(self, target: np.ndarray) -> np.ndarray:
        """Say where a target holds something to learn, beside what the data set knows to be invalid.

        Args:
            target: ``(H, W, C)`` float32, or ``(H, W)`` integer for classes.

        Returns:
            ``(H, W)`` bool; here everywhere.
        """
        return np.ones(target.shape[:2], bool)

    def check_target(self, target: np.ndarray, valid: np.ndarray) -> None:
        """Refuse impossible values before they are learned.

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
        return target[:, ::-1].copy()  # not ascontiguousarray: it leaves the negative stride of a single column

    def zoom_target(self, target: np.ndarray, scale: float) -> np.ndarray:
        """Correct the values of a target that was enlarged by ``scale`` around the camera's axis (1 is no zoom)."""
        return target

    # ---- results -----------------------------------------------------------------------------------------------

    @property
    def summed_elements(self) -> int:
        """How many numbers the loss of one pixel is the sum of: the channels of an L1 loss, otherwise one."""
        return 1

    def metrics(self) -> list[dict]:
        """Give the configs of the registered metrics that score this task."""
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


def blacken_invalid(picture: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """Paint the invalid pixels ``(H, W)`` of a picture ``(H, W, 3)`` black."""
    return picture if valid is None else np.where(valid[..., None], picture, 0).astype(np.uint8)


def unit_vectors(vectors: Tensor, epsilon: float = 1e-6) -> Tensor:
    """Scale ``(B, C, H, W)`` to unit length along the channels; a zero vector stays zero, with a finite gradient."""
    return torch.nn.functional.normalize(vectors, dim=1, eps=epsilon)
