import hashlib

import numpy as np
import pytest
import torch
from mmengine.config import Config
from test_engine.tiny_stream import CONFIGS
from torch import nn

from lhl.datasets import SynthObjects
from lhl.errors import ConfigError
from lhl.registry import DATASETS, MODELS
from lhl.synthetic.objects import CLASSES, draw_object
from lhl.synthetic.objects.shapes import SHAPES

from .image_tasks import split_tasks


def objects(split='train', tasks=None, pipeline=(), **options):
    return SynthObjects(split=split, tasks=tasks or split_tasks(10, 2), pipeline=pipeline, **options)


# ---- what is drawn ---------------------------------------------------------------------------------------------


def test_images_are_the_same_to_the_bit_on_every_machine():
    """Only whole numbers and a frozen generator: a change of this digest changes the results of every stream."""
    images = np.stack([draw_object(number % 10, (0, number % 2, number)) for number in range(60)])
    assert hashlib.sha256(images.tobytes()).hexdigest() == (
        'bd65b62a6ebb7c01759ab42f123268ab4e3f404f10f14acc858abac5e4c1e029')


def test_a_disc_and_a_square_cover_what_geometry_says():
    """Areas in a frame of 2000 x 2000: pi 850^2 and 1520^2; a star of radii 1000 and 400: 5 R r sin 36 degrees."""
    u, v = np.meshgrid(np.arange(-1000, 1000, 4), np.arange(-1000, 1000, 4))
    generator = np.random.RandomState(0)
    area = {name: shape(u, v, generator).mean() * 4e6 for name, shape in SHAPES.items()}
    assert area['disc'] == pytest.approx(np.pi * 850**2, rel=0.01)
    assert area['square'] == pytest.approx(1520**2, rel=0.01)
    assert area['triangle'] == pytest.approx(0.75 * np.sqrt(3) * 1000**2, rel=0.01)
    assert area['star'] == pytest.approx(5 * 1000 * 400 * np.sin(np.pi / 5), rel=0.01)


def test_no_shape_leaves_its_frame_by_much_and_each_has_an_inside_and_an_outside():
    u, v = np.meshgrid(np.arange(-1500, 1500, 10), np.arange(-1500, 1500, 10))
    for seed in range(20):
        for name, shape in SHAPES.items():
            inside = shape(u, v, np.random.RandomState(seed))
            assert 0.05 < inside.mean() * 9 / 4 < 0.7, name
            assert np.abs(np.stack([u, v])[:, inside]).max() <= 1000, name


def test_an_object_is_lighter_than_what_is_behind_it():
    """In the middle of a disc and in a corner of the image, where never is anything."""
    for number in range(200):
        image = draw_object(CLASSES.index('disc'), (7, number)).astype(int)
        corners = np.median(image[[0, 0, -1, -1], [0, -1, 0, -1]].sum(axis=-1))
        assert image[14:18, 14:18].sum(axis=-1).mean() > corners - 60


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


@pytest.mark.slow
def test_lenet_learns_two_classes_in_five_epochs_and_forgets_them_for_the_next_two():
    """What a stream of tasks is there to show."""
    def batch(split, classes, count):
        images = [(draw_object(label, (0, split, 10 * place + label)), label) for place in range(count)
                  for label in classes]
        pixels = torch.stack([torch.from_numpy(image.copy()) for image, _ in images]).permute(0, 3, 1, 2).float()
        return pixels / 127.5 - 1, torch.tensor([label for _, label in images])

    torch.manual_seed(0)
    network = nn.Sequential(*MODELS.build(dict(type='CIFARLeNet')).layers, nn.Flatten(), nn.Linear(84, 10))
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)

    def learn(images, labels):
        for _ in range(5):
            for chosen in torch.randperm(len(images)).split(32):
                optimizer.zero_grad()
                nn.functional.cross_entropy(network(images[chosen]), labels[chosen]).backward()
                optimizer.step()

    def accuracy(images, labels):
        with torch.no_grad():
            return (network(images).argmax(dim=1) == labels).float().mean().item()

    first, second = batch(1, (2, 3), 100), batch(1, (4, 5), 100)
    learn(*batch(0, (2, 3), 500))
    assert accuracy(*first) > 0.85
    learn(*batch(0, (4, 5), 500))
    assert accuracy(*second) > 0.85 and accuracy(*first) < 0.1


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
