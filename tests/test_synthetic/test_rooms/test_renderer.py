"""What random views are like, one by one and on the average."""
import numpy as np

from lhl.synthetic.rooms import CLASSES, render

HEIGHT, WIDTH = 48, 64
# Shares in percent, from a few hundred views; a class may have between a third and two and a half times as much.
EXPECTED_SHARES = dict(wall=42, floor=17, bed=9, furniture=8, sofa=6, ceiling=5.4, chair=3.3, table=2.3, books=2,
                       window=1.9, picture=1.7, objects=1.1, tv=1.0)


def camera_rays(view):
    focal = view.camera.focal * WIDTH
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5 - WIDTH / 2, np.arange(HEIGHT) + 0.5 - HEIGHT / 2)
    return np.stack([x / focal, y / focal, np.ones_like(x)], -1)


def test_arrays_have_the_promised_types_and_shapes(views):
    for view in views:
        assert (view.image.dtype, view.image.shape) == (np.uint8, (HEIGHT, WIDTH, 3))
        assert (view.label.dtype, view.label.shape) == (np.int8, (HEIGHT, WIDTH))
        assert (view.depth.dtype, view.depth.shape) == (np.float32, (HEIGHT, WIDTH))
        assert (view.normal.dtype, view.normal.shape) == (np.float32, (HEIGHT, WIDTH, 3))
        assert 0 <= view.label.min() and view.label.max() < len(CLASSES) == 13
        assert 0.02 < view.depth.min() and view.depth.max() < 11


def test_normals_have_length_one_and_face_the_camera(views):
    for view in views:
        np.testing.assert_allclose(np.linalg.norm(view.normal, axis=-1), 1, atol=1e-6)
        assert ((view.normal * camera_rays(view)).sum(-1) < 0).all()


def test_normals_agree_with_differences_of_unprojected_depth(views):
    errors = []
    for view in views[:20]:
        points = view.depth[..., None] * camera_rays(view)
        along_x, along_y = points[1:-1, 2:] - points[1:-1, :-2], points[2:, 1:-1] - points[:-2, 1:-1]
        estimate = np.cross(along_y, along_x)  # down x right points back at the camera
        estimate /= np.linalg.norm(estimate, axis=-1, keepdims=True)
        cosine = (estimate * view.normal[1:-1, 1:-1]).sum(-1)
        errors.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))).ravel())
    assert np.median(np.concatenate(errors)) < 0.1
    assert np.mean(np.concatenate(errors) < 5) > 0.7  # the rest lies on edges


def test_ceilings_look_down_and_floors_look_up(views):
    for view in views:
        down = np.array([0, 0, -1]) @ view.camera.rotation.T
        assert (view.normal[view.label == CLASSES.index('ceiling')] @ down > 0.999).all()
        assert (view.normal[view.label == CLASSES.index('floor')] @ down < -0.999).all()


def test_all_classes_occur_with_their_usual_imbalance(views):
    counts = sum(np.bincount(view.label.ravel(), minlength=13) for view in views)
    shares = dict(zip(CLASSES, 100 * counts / counts.sum(), strict=True))
    for name, expected in EXPECTED_SHARES.items():
        assert expected / 3 < shares[name] < expected * 2.5, (name, shares[name])
    largest = sorted(shares.values())[-3:]
    assert 55 < sum(largest) < 78
    assert max(shares, key=shares.get) == 'wall'


def test_no_picture_is_drowned_in_white_or_black(views):
    for view in views:
        assert (view.image == 255).all(-1).mean() < 0.1
        assert 40 < view.image.mean() < 215
        assert view.image.std() > 8


def test_same_seed_gives_the_same_view_and_another_seed_another():
    first, again, other = render(5, 24, 32), render(5, 24, 32), render(6, 24, 32)
    for name in ('image', 'label', 'depth', 'normal', 'labelled', 'measured'):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert name in ('labelled', 'measured') or not np.array_equal(getattr(first, name), getattr(other, name))


def test_room_and_camera_do_not_depend_on_the_size_of_the_picture():
    small, large = render(7, 16, 16), render(7, 33, 47)
    np.testing.assert_array_equal(small.camera.position, large.camera.position)
    assert [part.centre for part in small.scene.primitives] == [part.centre for part in large.scene.primitives]
    assert large.image.shape == (33, 47, 3)



def test_euclidean_distance_is_never_less_than_depth(views):
    for view in views[:10]:
        distance = view.hits.depth * np.linalg.norm(view.hits.rays, axis=0)
        assert (distance >= view.depth * (1 - 1e-6)).all()
