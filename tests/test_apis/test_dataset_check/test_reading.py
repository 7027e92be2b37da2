import cv2
import numpy as np
import pytest

from lhl.apis.dataset_check.axes import fit_axes
from lhl.apis.dataset_check.reading import read_all
from lhl.datasets import FolderDataset

from .rooms_on_disk import SIZE, TARGETS, TASKS, picture


def readings(root, **options):
    options = {'split': 'train', 'splits': dict(train='train.txt', val='val.txt'), **options}
    return list(read_all(FolderDataset(root, tasks=TASKS, targets=TARGETS, pipeline=[], **options), workers=0))


def test_an_error_that_nobody_foresaw_is_one_more_line_with_the_file_it_is_about(root, monkeypatch):
    original = FolderDataset.load_target

    def load_target(self, sample, task):
        if (sample, task.name) == ('2', 'depth'):
            raise ZeroDivisionError('oh')
        return original(self, sample, task)
    monkeypatch.setattr(FolderDataset, 'load_target', load_target)
    found = readings(root)
    assert [reading.problems for reading in found if reading.position != 2] == [[]] * 3
    assert found[2].problems == [
        ('target', f"'{root / 'depth/2.png'}' cannot be read (ZeroDivisionError: oh); export it again")]
    assert list(found[2].targets) == ['segmentation', 'normal'] and found[2].axes is None


def test_samples_of_a_part_keep_their_own_paths(root, monkeypatch):
    whole = [reading.path for reading in readings(root)]
    parts = [[reading.path for reading in readings(root, part=dict(index=index, count=2))] for index in (0, 1)]
    assert sorted(parts[0] + parts[1]) == whole == [str(root / f'images/{number}.png') for number in range(4)]

    def load_target(self, sample, task):
        raise ZeroDivisionError('oh')
    monkeypatch.setattr(FolderDataset, 'load_target', load_target)
    both = [reading for index in (0, 1) for reading in readings(root, part=dict(index=index, count=2))]
    for reading in both:
        number = reading.path.rpartition('/')[2]
        assert [str(root / folder / number) in sentence for folder, (_, sentence) in zip(
            ('label', 'depth', 'normal'), reading.problems, strict=True)] == [True] * 3


def test_without_its_image_nothing_of_a_sample_counts(root):
    (root / 'images/1.png').write_bytes(b'not a picture')
    (root / 'depth/1.png').write_bytes(b'not a picture')
    reading = readings(root)[1]
    (kind, sentence), = reading.problems
    assert kind == 'image' and 'images/1.png' in sentence
    assert (reading.size, reading.digest, reading.pixels, reading.targets) == (None, '', None, {})


def test_a_digest_is_that_of_the_pixels_and_their_shape(root):
    """The same zeros lie in four images: two of one shape."""
    for number, shape in enumerate([(48, 64, 3), (64, 48, 3), (48, 64, 3), (32, 96, 3)]):
        cv2.imwrite(str(root / f'images/{number}.png'), np.zeros(shape, np.uint8))
        for folder in ('label', 'depth', 'normal'):
            (root / folder / f'{number}.png').unlink()
    for number in range(4):
        (root / 'label' / f'{number}.png').unlink(missing_ok=True)
        height, width = [(48, 64), (64, 48), (48, 64), (32, 96)][number]
        cv2.imwrite(str(root / 'label' / f'{number}.png'), np.zeros((height, width), np.uint8))
    digests = [reading.digest for reading in readings(root)]
    assert digests[0] == digests[2] and len(set(digests)) == 3
    assert [reading.size for reading in readings(root)] == [(48, 64), (64, 48), (48, 64), (32, 96)]


@pytest.mark.parametrize('folder', ['depth', 'normal'])
def test_axes_are_compared_where_both_targets_are_valid(root, rooms, folder):
    """The left half of one target is invalid: the axes are those of the right half."""
    path = root / folder / '0.png'
    half = picture(path)
    half[:, :SIZE[1] // 2] = 0
    cv2.imwrite(str(path), half)
    both = rooms[0].measured.copy()
    both[:, :SIZE[1] // 2] = False
    found, expected = readings(root)[0].axes, fit_axes(rooms[0].depth, rooms[0].normal, both)
    assert found.pixels == expected.pixels and found.mean_angle(0) == pytest.approx(expected.mean_angle(0), abs=1)
