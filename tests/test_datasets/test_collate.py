import pytest
import torch

from lhl.datasets import collate_samples
from lhl.errors import DataError


def packed(index, size=(4, 6), tasks=('depth', 'segmentation')):
    forms = dict(depth=torch.full((1, *size), float(index)), segmentation=torch.full(size, index))
    return dict(
        inputs=torch.full((3, *size), float(index)), targets={task: forms[task] for task in tasks},
        valid={task: torch.full(size, index > 0) for task in tasks},
        meta=dict(index=index, image_path=f'image/{index}.npy'))


def test_samples_are_stacked_in_order():
    batch = collate_samples([packed(index) for index in range(3)])
    assert batch['inputs'].shape == (3, 3, 4, 6)
    assert batch['targets']['depth'].shape == (3, 1, 4, 6) and batch['targets']['segmentation'].shape == (3, 4, 6)
    assert batch['targets']['segmentation'].dtype == torch.int64 and batch['valid']['depth'].dtype == torch.bool
    assert batch['inputs'][:, 0, 0, 0].tolist() == batch['targets']['depth'][:, 0, 0, 0].tolist() == [0, 1, 2]
    assert batch['valid']['depth'][:, 0, 0].tolist() == [False, True, True]
    assert [meta['index'] for meta in batch['meta']] == [0, 1, 2]


def test_one_sample_of_any_size_is_a_batch():
    assert collate_samples([packed(0, size=(5, 9))])['inputs'].shape == (1, 3, 5, 9)


def test_images_of_different_size_are_refused_by_name():
    with pytest.raises(DataError, match=r"'image/0\.npy' is 4 x 6 and 'image/2\.npy' is 4 x 8 .*batch_size=1"):
        collate_samples([packed(0), packed(1), packed(2, size=(4, 8))])


def test_samples_of_different_tasks_are_refused_by_name():
    with pytest.raises(DataError, match=r"'image/0\.npy' has depth, segmentation and 'image/1\.npy' has depth;"):
        collate_samples([packed(0), packed(1, tasks=['depth'])])


def test_samples_without_targets_are_a_batch():
    assert collate_samples([packed(0, tasks=[]), packed(1, tasks=[])])['targets'] == {}
