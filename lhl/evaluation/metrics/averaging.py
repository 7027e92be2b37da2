"""Which pixels are averaged together: those of the set, of a batch, or of an image."""
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.dist import get_rank
from torch import Tensor

from lhl.errors import ConfigError, suggest

from .base import DenseMetric

#: How much of an image's place (process, batch of the process, image of the batch) those averaged together share.
_SHARED = {'pixel': 0, 'batch': 2, 'image': 3}


class AveragedMetric(DenseMetric):
    """A metric that other code bases average over images or batches instead of over all pixels.

    Args:
        task: The name of the task that is scored.
        names: See :class:`~lhl.evaluation.metrics.base.DenseMetric`.
        aggregate: ``'pixel'`` scores all valid pixels of the set together; ``'batch'`` and ``'image'`` score those of
            each batch or image and average the scores, each with the same weight, however many valid pixels it has; one
            without any is left out. Only ``'pixel'`` and ``'image'`` do not depend on the batch size. With several
            processes a batch is what one process scores at once, and the images that the sampler repeated are dropped
            from the last ones: the published numbers of a ``'batch'`` average need one process and their batch size.
        collect_device: Where the processes exchange their partial results, ``'cpu'`` or ``'gpu'``.

    Raises:
        ConfigError: If ``aggregate`` is something else.
    """

    def __init__(self, task: str, names: Sequence[str] | None = None, aggregate: str = 'pixel',
                 collect_device: str = 'cpu') -> None:
        super().__init__(task, names, collect_device)
        if aggregate not in _SHARED:
            raise ConfigError(f'{type(self).__name__} of task {task!r} has aggregate={aggregate!r}, which does not '
                              f'exist; {suggest(str(aggregate), _SHARED)}')
        self.aggregate = aggregate
        self._batches_seen = 0

    @abstractmethod
    def score_together(self, results: list) -> dict[str, float] | None:
        """Score all pixels of some images together.

        Args:
            results: The partial results of these images.

        Returns:
            At least the metrics that are reported; None where no pixel is valid.
        """

    def process(self, data_batch: Mapping[str, Any], data_samples: Sequence[Mapping[str, Tensor]]) -> None:
        """Reduce the images of one batch, and note for each where it was, as mmengine mixes the processes' results."""
        start = len(self.results)
        super().process(data_batch, data_samples)
        self.results[start:] = [((get_rank(), self._batches_seen, index), result)
                                for index, result in enumerate(self.results[start:])]
        self._batches_seen += 1

    def score(self, results: list[tuple[tuple[int, int, int], Any]]) -> dict[str, float] | None:
        """Score what belongs together, and average the scores."""
        together: dict[tuple[int, ...], list] = {}
        for place, result in results:
            together.setdefault(place[:_SHARED[self.aggregate]], []).append(result)
        scores = [score for score in map(self.score_together, together.values()) if score is not None]
        if not scores:
            return None
        return {name: math.fsum(score[name] for score in scores) / len(scores) for name in scores[0]}
