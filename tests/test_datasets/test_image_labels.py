import numpy as np
import pytest

from lhl.datasets import SampleKey, SynthObjects
from lhl.errors import ConfigError, DataError

from .image_tasks import split_tasks

PIPELINE = [dict(type='RandomPaddedCrop'), dict(type='RandomHorizontalFlip'), dict(type='PackSample')]


def objects(tasks, split='train', images_per_class=3, pipeline=(), **options):
    return SynthObjects(split=split, tasks=tasks, pipeline=pipeline, images_per_class=images_per_class, **options)


def chosen(*names, per_task=2):
    tasks = split_tasks(10, per_task)
    return {name: tasks[name] for name in names}


def labels(dataset):
    return [dataset.samples[index].label for index in dataset.indices]


def test_a_phase_sees_the_classes_of_its_task_and_validation_those_of_all_seen():
    assert labels(objects(chosen('classes_2_3'))) == [2, 3] * 3
    assert labels(objects(chosen('classes_2_3', 'classes_6_7'), 'val')) == [2, 3, 6, 7] * 3
    assert len(objects(split_tasks(10, 2))) == len(objects(split_tasks(10, 5))) == len(objects({})) == 30


def test_every_task_has_a_target_that_is_valid_for_the_task_of_the_class():
    sample = objects(chosen('classes_2_3', 'classes_6_7'))[2]
    assert {name: (target.shape, target.dtype, target.item()) for name, target in sample['targets'].items()} == {
        'classes_2_3': ((1, 1), np.int64, 0), 'classes_6_7': ((1, 1), np.int64, 6)}
    assert {name: (valid.shape, valid.dtype, valid.item()) for name, valid in sample['valid'].items()} == {
        'classes_2_3': ((1, 1), bool, False), 'classes_6_7': ((1, 1), bool, True)}


def test_tasks_may_share_classes():
    tasks = chosen('classes_0_4', per_task=5) | chosen('classes_4_5')
    dataset = objects(tasks)
    assert labels(dataset)[:6] == [0, 1, 2, 3, 4, 5]
    assert [sorted(name for name, valid in dataset[index]['valid'].items() if valid) for index in (3, 4, 5)] == [
        ['classes_0_4'], ['classes_0_4', 'classes_4_5'], ['classes_4_5']]


def test_an_image_is_augmented_the_same_whatever_the_tasks():
    few, many = (objects(tasks, pipeline=PIPELINE) for tasks in (chosen('classes_6_7'), split_tasks(10, 2)))
    assert few[3]['meta'] == many[17]['meta']
    assert (few[SampleKey(3, 5)]['inputs'] == many[SampleKey(17, 5)]['inputs']).all()
    assert not (few[SampleKey(3, 5)]['inputs'] == few[SampleKey(3, 6)]['inputs']).all()


def test_parts_divide_the_images_before_the_classes_do():
    parts = [objects(chosen('classes_2_3'), part=dict(index=index, count=3)) for index in range(3)]
    assert sorted(sum((part.indices for part in parts), [])) == [2, 3, 12, 13, 22, 23]


def test_with_the_labels_of_its_own_part_an_image_is_labelled_for_one_task_or_left_out():
    dataset = objects(chosen('classes_0_1', 'classes_2_3'), images_per_class=20, labels='own_part',
                      part=dict(index=[0, 1], count=2))
    assert 0 < len(dataset) < 80
    for position in range(len(dataset)):
        valid = [name for name, flag in dataset[position]['valid'].items() if flag]
        assert valid == [dataset.labelled_task[dataset.indices[position]]]


def test_a_part_without_an_image_of_the_classes_is_refused():
    with pytest.raises(DataError, match="none of the 10 images of the split 'train' of SynthObjects is of a class of "
                                        'classes_2_3; take more parts'):
        parts = [objects(chosen('classes_2_3'), images_per_class=1, part=dict(index=index, count=10))
                 for index in range(10)]
        assert not parts


def test_a_task_of_another_kind_is_refused():
    with pytest.raises(ConfigError, match=r"SynthObjects has one class per image, which is no target for task 'depth' "
                                          r'\(DepthEstimation\); give it the type ImageClassification'):
        objects(dict(depth=dict(type='DepthEstimation')))


def test_a_label_that_is_no_class_is_refused():
    task = dict(type='ImageClassification', num_classes=20, labels=[9, 10], head='classes')
    with pytest.raises(ConfigError, match="task 'more' has the label 10, expected classes of SynthObjects, 0 to 9"):
        objects(dict(more=task))
