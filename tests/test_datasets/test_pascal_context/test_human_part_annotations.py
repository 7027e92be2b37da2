import numpy as np
import pytest
from scipy.io import savemat

from lhl.datasets.pascal_context.human_part_annotations import PART_OF_NAME

from ..pascal_context_files import SIZES, assert_refused, pascal, path_of, people, struct, write_annotation


def test_parts_are_those_of_people_and_a_later_part_is_drawn_over_an_earlier_one(root):
    sample = pascal(root)[2]
    _, parts = people(SIZES['2010_006086'])
    np.testing.assert_array_equal(sample['targets']['human_parts'], parts)
    assert sample['valid']['human_parts'].all() and set(np.unique(parts)) == {0, 1, 2, 4}


def test_an_image_without_a_person_has_no_target_for_parts(root):
    sample = pascal(root)[1]
    assert not sample['valid']['human_parts'].any() and (sample['targets']['human_parts'] == 0).all()


def test_an_image_without_any_annotated_object_has_no_target_for_parts(root):
    write_annotation(root / 'human_parts/2008_000002.mat', [])
    sample = pascal(root)[0]
    assert sample['valid']['human_parts'].shape == (24, 32) and not sample['valid']['human_parts'].any()


def test_the_24_parts_of_a_person_are_divided_among_six():
    assert len(PART_OF_NAME) == 24 and set(PART_OF_NAME.values()) == {1, 2, 3, 4, 5, 6}
    for left, part in PART_OF_NAME.items():
        if left.startswith('l') and left != 'lhand':
            assert PART_OF_NAME['r' + left[1:]] == part
    assert [PART_OF_NAME[name] for name in ('neck', 'luarm', 'rhand', 'ruleg', 'lfoot')] == [2, 3, 4, 5, 6]


MASK = np.ones((33, 33), np.uint8)


def person(parts, mask=MASK):
    return dict(objects=struct([{'class': 'person', 'mask': mask, 'parts': parts}]))


@pytest.mark.parametrize(('anno', 'message'), [
    (dict(imname='a'), "found the fields imname, expected 'objects' among them"),
    (dict(objects=np.ones(3)), 'an array of .*, expected a struct array'),
    (np.ones((1, 1)), 'expected a struct array'),
    (struct([]), 'found 0 annotations, expected one'),
    (dict(objects=struct([dict(mask=MASK)])), "expected 'class' among them"),
    (dict(objects=struct([dict(mask=np.ones((3, 3, 3)))])), r'a mask of shape \(3, 3, 3\)'),
    (person(struct([dict(part_name='wing', mask=MASK)])),
     "a person with a part 'wing', expected one of head"),
    (person(struct([dict(part_name='head', mask=MASK[1:])])), r'a mask of shape \(32, 33\), expected \(33, 33\)'),
    (person(struct([]), MASK[1:]), r'shape \(32, 33\), expected \(33, 33\) as its image is')])
def test_a_bad_annotation_of_parts_is_refused_by_the_name_of_its_file(root, anno, message):
    path = path_of(root, 'human_parts', '2010_006086')
    savemat(path, dict(anno=anno))
    assert_refused(root, 'human_parts', path, message)
