"""How samples become a batch: stacked, never padded."""
from collections.abc import Sequence

import torch

from lhl.errors import DataError
from lhl.registry import FUNCTIONS


@FUNCTIONS.register_module()
def collate_samples(samples: Sequence[dict]) -> dict:
    """Stack packed samples of one size and one set of tasks.

    Args:
        samples: B samples as :class:`~lhl.datasets.transforms.PackSample` gives them.

    Returns:
        ``dict(inputs=(B, 3, H, W) float32, targets={task: (B, C, H, W) float32 or (B, H, W) int64},
        valid={task: (B, H, W) bool}, meta=[B dicts])``.

    Raises:
        DataError: If sizes or tasks differ within the batch.
    """
    first = samples[0]
    for other in samples[1:]:
        _check_same(first, other)
    return dict(
        inputs=torch.stack([sample['inputs'] for sample in samples]),
        targets={task: torch.stack([sample['targets'][task] for sample in samples]) for task in first['targets']},
        valid={task: torch.stack([sample['valid'][task] for sample in samples]) for task in first['valid']},
        meta=[sample['meta'] for sample in samples])


def _check_same(first: dict, other: dict) -> None:
    paths = [sample['meta']['image_path'] for sample in (first, other)]
    sizes = [' x '.join(map(str, sample['inputs'].shape[1:])) for sample in (first, other)]
    if sizes[0] != sizes[1]:
        raise DataError(f'a batch needs images of one size but {paths[0]!r} is {sizes[0]} and {paths[1]!r} is '
                        f'{sizes[1]} (height x width); crop to a fixed size in the pipeline or set batch_size=1')
    tasks = [', '.join(sorted(sample['targets'])) or 'none' for sample in (first, other)]
    if tasks[0] != tasks[1]:
        raise DataError(f'a batch needs the same tasks for all images but {paths[0]!r} has {tasks[0]} and '
                        f'{paths[1]!r} has {tasks[1]}; load them from separate data sets or set batch_size=1')
