from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config

from lhl.apis.report.images import choose_images, richness, spread_positions
from lhl.tasks import build_tasks

TASKS = dict(rooms=dict(type='SemanticSegmentation', num_classes=4), depth=dict(type='DepthEstimation'))


def sample(classes, valid=(True, True, True, True)):
    """An image of four pixels, of these classes; its depth is known in the first two."""
    return dict(targets=dict(rooms=torch.tensor([classes]), depth=torch.ones(1, 1, 4)),
                valid=dict(rooms=torch.tensor([valid]), depth=torch.tensor([[True, True, False, False]])))


@pytest.mark.parametrize('length, count, positions', [
    (10, 2, [3, 6]), (9, 1, [4]), (100, 3, [25, 50, 74]), (1, 2, [0, 0])])
def test_positions_are_spread_evenly_away_from_the_ends(length, count, positions):
    assert spread_positions(length, count) == positions


def test_an_image_is_rich_in_classes_then_in_labels():
    tasks = build_tasks(TASKS)
    assert richness(sample([0, 1, 2, 3]), tasks) == (4, 1.5)
    assert richness(sample([0, 1, 2, 3], [True, True, False, False]), tasks) == (2, 1.0)
    assert richness(dict(targets={}, valid={}), tasks) == (0, 0.0)


def test_the_richest_image_of_each_stretch_of_each_set_is_shown(monkeypatch):
    """Eight images of either set are looked at, four in each half; all but two show one class."""
    cfg = Config(dict(tasks=TASKS, val_dataloader=dict(dataset=dict(type='Rooms', data_root='here/rooms', rich=(2, 6))),
                      phases=[dict(task='rooms'), dict(task='depth', val_dataloader=dict(dataset=dict(rich=(0, 4))))]))
    monkeypatch.setattr('lhl.apis.report.images.spread_positions', lambda length, count: list(range(count)))
    monkeypatch.setattr('lhl.apis.report.images.DATASETS', SimpleNamespace(
        build=lambda config: [sample([0, place in config['rich'], 0, 0]) for place in range(8)]))
    images = choose_images(cfg, 2)
    assert [one.label for one in images.shown] == [
        f'image {place} of rooms (Rooms, all of it)' for place in (2, 6, 0, 4)]
    assert len(images.looked_at) == 16 and list(images.tasks) == ['rooms', 'depth']
    assert choose_images(cfg, 0).shown == []
