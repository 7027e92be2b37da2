"""How samples become a batch: stacked, never padded."""
from collections.abc import Callable, Sequence

from torch import Tensor
from torch.utils.data import default_collate

from lhl.errors import DataError
from lhl.registry import FUNCTIONS


@FUNCTIONS.register_module()
def collate_samples(samples: Sequence[dict]) -> dict:
    """Stack packed samples of one size and one set of tasks.

    Args:
        samples: B samples as :class:`~lhl.datasets.transforms.PackSample` gives them.

    Returns:
        ``dict(inputs=(B, 3, H, W) float32, targets={task: (B, C, H, W) float32 or (B, H, W) int64},
        valid={task: (B, H, W) bool}, meta=[B dicts])``; of a data set that keeps decoded samples inputs may be uint8 in
        [0, 255], and class indices of a smaller type. In a loader's worker it lies in shared memory.

    Raises:
        DataError: If sizes or tasks differ within the batch.
    """
    first = samples[0]
    for other in samples[1:]:
        _check_same(first, other)
    return dict(
        inputs=_stacked([sample['inputs'] for sample in samples], lambda image: image.float() / 255),
        targets={task: _stacked([sample['targets'][task] for sample in samples], Tensor.long)
                 for task in first['targets']},
        valid={task: default_collate([sample['valid'][task] for sample in samples]) for task in first['valid']},
        meta=[sample['meta'] for sample in samples])


def _stacked(tensors: list[Tensor], restored: Callable[[Tensor], Tensor]) -> Tensor:
    """Stack tensors; if they are in small types and others, restore those in small types."""
    if len({tensor.dtype for tensor in tensors}) > 1:
        tensors = [tensor if tensor.is_floating_point() else restored(tensor) for tensor in tensors]
    return default_collate(tensors)  # unlike torch.stack it writes into shared memory at once


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
