import hashlib

import numpy as np
import pytest
import torch
from torch import nn

from lhl.registry import MODELS
from lhl.synthetic.objects import CLASSES, draw_object


def test_images_are_the_same_to_the_bit_on_every_machine():
    """Only whole numbers and a frozen generator: a change of this digest changes the results of every stream."""
    images = np.stack([draw_object(number % 10, (0, number % 2, number)) for number in range(60)])
    assert hashlib.sha256(images.tobytes()).hexdigest() == (
        'bd65b62a6ebb7c01759ab42f123268ab4e3f404f10f14acc858abac5e4c1e029')


def test_an_object_is_lighter_than_what_is_behind_it():
    """In the middle of a disc and in a corner of the image, where never is anything."""
    for number in range(200):
        image = draw_object(CLASSES.index('disc'), (7, number)).astype(int)
        corners = np.median(image[[0, 0, -1, -1], [0, -1, 0, -1]].sum(axis=-1))
        assert image[14:18, 14:18].sum(axis=-1).mean() > corners - 60


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
