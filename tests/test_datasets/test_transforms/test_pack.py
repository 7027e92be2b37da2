import numpy as np
import torch

from lhl.datasets.transforms import PackSample
from lhl.registry import TRANSFORMS

from ..nyuv2_files import TASKS
from .samples import random_sample


def test_pack_moves_channels_first_and_keeps_values():
    sample = random_sample()
    packed = PackSample()(sample)
    assert sorted(packed) == ['inputs', 'meta', 'targets', 'valid']
    assert packed['inputs'].shape == (3, 13, 17) and packed['inputs'].is_contiguous()
    assert packed['inputs'][1, 4, 7] == sample['image'][4, 7, 1]
    assert {name: (target.dtype, tuple(target.shape)) for name, target in packed['targets'].items()} == dict(
        segmentation=(torch.int64, (13, 17)), depth=(torch.float32, (1, 13, 17)), normal=(torch.float32, (3, 13, 17)))
    assert packed['targets']['normal'][2, 4, 7] == sample['targets']['normal'][4, 7, 2]
    for name in TASKS:
        np.testing.assert_array_equal(packed['valid'][name].numpy(), sample['valid'][name])


def test_it_is_built_by_name_and_prints_its_options():
    assert repr(TRANSFORMS.build(dict(type='PackSample'))) == 'PackSample()'
