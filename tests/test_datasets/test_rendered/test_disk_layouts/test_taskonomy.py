import numpy as np

from lhl.datasets.rendered import LAYOUTS
from lhl.synthetic.rooms.geometry_targets import edge_occlusion, euclidean_distance, principal_curvature, reshading
from lhl.synthetic.rooms.image_targets import edge_texture, keypoints2d
from lhl.synthetic.rooms.keypoints3d import keypoints3d

from .round_trip import assert_normals, assert_target, pairs


def test_taskonomy(folders):
    values = {name: index for index, name in enumerate(LAYOUTS['taskonomy'].classes)}
    for sample, view in pairs('taskonomy', folders('taskonomy')):
        everywhere = np.ones(view.depth.shape, bool)
        np.testing.assert_array_equal(sample['image'], view.image.astype(np.float32) / 255)
        np.testing.assert_array_equal(sample['valid']['segmentation'], view.labelled)
        assert_target(sample, 'depth', view.depth, view.measured, 0.5 / 512)
        assert_target(sample, 'euclidean_distance', euclidean_distance(view), view.measured, 0.5 / 512)
        assert_normals(sample, view, view.measured, '.png')
        assert_target(sample, 'edge_texture', edge_texture(view.image), everywhere, 0.5)
        assert_target(sample, 'keypoints2d', keypoints2d(view.image), everywhere, 0.5)
        assert_target(sample, 'edge_occlusion', edge_occlusion(view.depth, view.measured), view.measured, 0.5)
        assert_target(sample, 'keypoints3d', keypoints3d(view), view.measured, 0.5)
        assert_target(sample, 'reshading', reshading(view), view.measured, 0.5 / 255)
        limit = 1 / 0.03
        assert_target(sample, 'principal_curvature', principal_curvature(view).clip(-limit, limit), view.measured,
                      limit / 254)
    assert values['background'] == 0  # so that the classes are those of the rooms that Taskonomy knows


def test_taskonomys_classes_are_those_of_the_rooms(folders):
    from lhl.datasets.taskonomy.encodings import CLASSES as TASKONOMY
    from lhl.synthetic.rooms import CLASSES
    names = {'chair': 'chair', 'sofa': 'couch', 'bed': 'bed', 'table': 'table', 'tv': 'tv', 'books': 'book',
             'objects': 'vase'}
    for sample, view in pairs('taskonomy', folders('taskonomy')):
        expected = np.array([TASKONOMY.index(names.get(name, 'background')) for name in CLASSES])[view.label]
        found = sample['targets']['segmentation']
        np.testing.assert_array_equal(found[view.labelled], expected[view.labelled])
