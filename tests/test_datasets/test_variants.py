import pytest

from lhl.datasets import NYUv2
from lhl.datasets.transforms import RandomHorizontalFlip
from lhl.datasets.variants import image_variants

from .nyuv2_files import TASKS

FLIP, PACK, RESIZE = dict(type='RandomHorizontalFlip'), dict(type='PackSample'), dict(type='Resize', size=(8, 8))


@pytest.mark.parametrize('transforms, count', [
    ([PACK], 1), ([RESIZE, PACK], 1), ([FLIP, PACK], 2), ([RESIZE, FLIP, PACK], 2)])
def test_an_image_comes_as_it_is_or_mirrored(nyuv2_root, transforms, count):
    assert image_variants(NYUv2(nyuv2_root, 'train', TASKS, transforms)) == (count, '')


@pytest.mark.parametrize('transforms, name', [
    ([dict(type='RandomScaleCrop'), FLIP, PACK], 'RandomScaleCrop'),
    ([FLIP, dict(type='PhotometricDistortion'), PACK], 'PhotometricDistortion'),
    ([dict(type='RandomGrayscale'), PACK], 'RandomGrayscale'),
    ([dict(type='RandomPaddedCrop'), PACK], 'RandomPaddedCrop'),
    ([dict(type='RandomResizedCropPad', size=(8, 8)), PACK], 'RandomResizedCropPad')])
def test_a_transform_that_does_not_declare_its_variants_is_taken_for_random(nyuv2_root, transforms, name):
    count, reason = image_variants(NYUv2(nyuv2_root, 'train', TASKS, transforms))
    assert count == 0 and reason == f'{name} may change an image in another way each time'


def test_what_comes_after_a_mirror_may_treat_the_two_unlike(nyuv2_root):
    count, reason = image_variants(NYUv2(nyuv2_root, 'train', TASKS, [FLIP, RESIZE, PACK]))
    assert count == 0 and reason.startswith('Resize comes after RandomHorizontalFlip')


def test_a_subclass_may_do_something_else(nyuv2_root):
    class Shake(RandomHorizontalFlip):
        pass

    dataset = NYUv2(nyuv2_root, 'train', TASKS, [FLIP, PACK])
    dataset.pipeline.transforms[0] = Shake()
    assert image_variants(dataset) == (0, 'Shake may change an image in another way each time')


def test_another_kind_of_data_set_does_not_say():
    assert image_variants([1, 2]) == (0, 'the data set list does not say how images vary')
