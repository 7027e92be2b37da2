
import numpy as np
import pytest
from mmengine.config import Config
from test_engine.tiny_stream import CONFIGS

from lhl.datasets import SynthObjects
from lhl.errors import ConfigError
from lhl.registry import DATASETS
from lhl.synthetic.objects import CLASSES, draw_object

from .image_tasks import split_tasks


def objects(split='train', tasks=None, pipeline=(), **options):
    return SynthObjects(split=split, tasks=tasks or split_tasks(10, 2), pipeline=pipeline, **options)

# ---- what is drawn ---------------------------------------------------------------------------------------------


def nearest_mean_accuracy(features, labels, test_features, test_labels):
    means = np.stack([features[labels == label].mean(axis=0) for label in range(10)])
    distances = ((test_features[:, None] - means) ** 2).sum(axis=-1)
    return (distances.argmin(axis=1) == test_labels).mean()


def test_neither_the_mean_colour_nor_the_mean_image_tells_the_class():
    """Chance is 0.1, with a standard deviation of 0.013 over 500 images."""
    def stacked(split):
        dataset = objects(split, images_per_class=50)
        labels = np.array([sample.label for sample in dataset.samples])
        return np.stack([dataset.load_image(sample) for sample in dataset.samples]), labels
    (images, labels), (test_images, test_labels) = stacked('train'), stacked('val')
    colours, test_colours = images.mean(axis=(1, 2)), test_images.mean(axis=(1, 2))
    assert nearest_mean_accuracy(colours, labels, test_colours, test_labels) < 0.18
    flat, test_flat = images.reshape(500, -1), test_images.reshape(500, -1)
    assert nearest_mean_accuracy(flat, labels, test_flat, test_labels) < 0.25

# ---- the data set ----------------------------------------------------------------------------------------------


def test_classes_take_turns_and_splits_differ():
    train, val = objects(images_per_class=3), objects('val', images_per_class=2)
    assert [sample.label for sample in train.samples] == list(range(10)) * 3 and len(val) == 20
    assert not (train[4]['image'] == val[4]['image']).all()
    assert train[13]['meta'] == dict(index=13, image_path='synth_objects/train/crescent_00013')


def test_more_images_only_add_to_those_that_are_there():
    few, many = objects(images_per_class=2), objects(images_per_class=5)
    assert all((few[index]['image'] == many[index]['image']).all() for index in range(20))


def test_another_seed_and_another_size_draw_other_images():
    image = objects(images_per_class=1)[0]['image']
    assert image.shape == (32, 32, 3) and image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1
    assert not (objects(images_per_class=1, image_seed=1)[0]['image'] == image).all()
    assert objects(images_per_class=1, size=48)[0]['image'].shape == (48, 48, 3)


def test_what_is_kept_cannot_be_changed_by_whoever_gets_it():
    before = objects(images_per_class=1)[3]['image'].copy()
    objects(images_per_class=1)[3]['image'][:] = 0
    np.testing.assert_array_equal(objects(images_per_class=1)[3]['image'], before)
    with pytest.raises(ValueError, match='read-only'):
        draw_object(3, (0, 0, 3))[:] = 0


def test_the_config_has_five_tasks_with_the_names_of_the_classes():
    cfg = Config.fromfile(CONFIGS / '_base_' / 'datasets' / 'split_synth_objects.py')
    assert [list(cfg.tasks[phase.task].labels) for phase in cfg.phases] == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    assert all(tuple(task.classes) == CLASSES for task in cfg.tasks.values())
    train = DATASETS.build(dict(cfg.train_dataloader.dataset, tasks=dict(list(cfg.tasks.items())[2:3])))
    assert len(train) == 1000 and {train.samples[index].label for index in train.indices} == {4, 5}
    packed = train[0]
    assert packed['inputs'].shape == (3, 32, 32) and packed['targets']['classes_4_5'].tolist() == [[4]]
    assert len(DATASETS.build(dict(cfg.val_dataloader.dataset, tasks=cfg.tasks))) == 1000


@pytest.mark.parametrize('options', [dict(images_per_class=0), dict(size=8), dict(image_seed=-1), dict(size=32.0)])
def test_impossible_options_are_refused(options):
    with pytest.raises(ConfigError, match='expected a whole number of at least'):
        objects(**options)
