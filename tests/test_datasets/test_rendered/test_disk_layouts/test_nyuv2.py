
import numpy as np

from lhl.datasets.rendered import write_dataset
from lhl.datasets.rendered.disk_layouts.nyuv2 import sample_arrays
from lhl.datasets.rendered.writer import sample_seed
from lhl.synthetic.rooms import render

from ..rendered_files import SIZE
from .round_trip import assert_normals, assert_target, pairs


def test_files_lie_and_look_like_the_preprocessed_nyuv2(reference):
    layout = dict(image=(np.float32, (18, 24, 3)), label=(np.int8, (18, 24)), depth=(np.float32, (18, 24, 1)),
                  normal=(np.float32, (18, 24, 3)))
    for split, count in (('train', 5), ('val', 3)):
        assert {path.name for path in (reference / split).iterdir()} == set(layout)
        for kind, (dtype, shape) in layout.items():
            names = {path.name for path in (reference / split / kind).iterdir()}
            assert names == {f'{index}.npy' for index in range(count)}
            for name in names:
                array = np.load(reference / split / kind / name, allow_pickle=False)
                assert (array.dtype, array.shape) == (dtype, shape)
                assert np.isfinite(array).all()
                if kind == 'image':
                    assert 0 <= array.min() and array.max() <= 1


def test_holes_are_marked_as_in_real_data(reference):
    view = render(sample_seed(3, 'train', 0), **SIZE)
    label, depth, normal = (np.load(reference / 'train' / kind / '0.npy') for kind in ('label', 'depth', 'normal'))
    np.testing.assert_array_equal(label, np.where(view.labelled, view.label, -1))
    np.testing.assert_array_equal(depth[..., 0], np.where(view.measured, view.depth, 0))
    np.testing.assert_array_equal(normal, np.where(view.measured[..., None], view.normal, 0))
    assert (label == -1).any()


def test_depth_and_normals_are_unknown_at_the_same_pixels():
    holes = 0
    for seed in range(30):
        arrays = sample_arrays(render(seed, **SIZE), invalid_pixels=True)
        np.testing.assert_array_equal(arrays['depth'][..., 0] == 0, (arrays['normal'] == 0).all(-1))
        holes += (arrays['depth'] == 0).sum()
    assert holes > 0


def test_every_pixel_is_valid_on_request(tmp_path):
    write_dataset(tmp_path, train=3, val=0, **SIZE, processes=1, invalid_pixels=False)
    for index in range(3):
        assert np.load(tmp_path / 'train' / 'label' / f'{index}.npy').min() >= 0
        assert np.load(tmp_path / 'train' / 'depth' / f'{index}.npy').min() > 0


def test_nyuv2(folders):
    for sample, view in pairs('nyuv2', folders('nyuv2')):
        np.testing.assert_array_equal(sample['image'], view.image.astype(np.float32) / 255)
        assert_target(sample, 'segmentation', view.label, view.labelled, 0)
        assert_target(sample, 'depth', view.depth, view.measured, 0)
        assert_normals(sample, view, view.measured, '.npy')
