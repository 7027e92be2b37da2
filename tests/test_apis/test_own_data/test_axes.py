"""Normals in the axes of other tools are recognised by the depth, and what it does not tell is said."""
import cv2
import numpy as np
import pytest

from lhl.apis import new_config
from lhl.apis.own_data.axes import find_axes
from lhl.config_files import read_config
from lhl.datasets.io.target_files import TargetFiles
from lhl.registry import DATASETS
from lhl.synthetic.rooms import render

SIZE = 48, 64
METRES, UNIT = TargetFiles('depth'), TargetFiles('normal', invalid='nan')


@pytest.fixture(scope='module')
def rooms():
    return [render(seed, *SIZE) for seed in range(6)]


def write_rooms(root, rooms, order, signs):
    """Write normals whose component i is stored as component ``order[i]``, times ``signs[i]``."""
    for folder in ('images', 'depth', 'normal'):
        (root / folder).mkdir(parents=True)
    for number, view in enumerate(rooms):
        stored = np.zeros_like(view.normal)
        for axis in range(3):
            stored[..., order[axis]] = signs[axis] * view.normal[..., axis]
        normal = np.where(view.measured[..., None], ((stored + 1) / 2 * 255).round(), 0).astype(np.uint8)
        depth = (view.depth * view.measured * 1000).round().astype(np.uint16)
        for folder, picture in dict(images=(255 * view.image[..., ::-1]).astype(np.uint8), depth=depth,
                                    normal=normal[..., ::-1]).items():
            assert cv2.imwrite(str(root / folder / f'{number}.png'), picture)


@pytest.mark.parametrize('order, signs, said', [
    ((0, 1, 2), (1, 1, 1), 'x to the right, y down, z forward, as the depth says'),
    ((0, 1, 2), (1, -1, -1), 'x = 1st, y = -2nd, z = -3rd component, as the depth says'),  # OpenGL's
    ((0, 1, 2), (1, 1, -1), 'x = 1st, y = 2nd, z = -3rd component'),  # DirectX's
    ((1, 2, 0), (-1, 1, -1), 'x = -2nd, y = 3rd, z = -1st component')])
def test_the_config_reads_normals_of_any_axes_as_lhl_expects_them(rooms, tmp_path, monkeypatch, order, signs, said):
    monkeypatch.setattr('lhl.apis.dataset_check.check.draw_contact_sheet', lambda *arguments: None)
    monkeypatch.chdir(tmp_path)
    write_rooms(tmp_path / 'data', rooms, order, signs)
    new = new_config('mine', 'data/images', ['depth=data/depth', 'normal=data/normal'])
    assert not new.report.problems
    line, = (line for line in new.found if line.startswith('normal: '))
    assert said in line
    cfg = read_config(new.path)
    assert ('channels' in cfg.train_dataloader.dataset.targets.normal) == (signs != (1, 1, 1))
    options = dict(cfg.train_dataloader.dataset, pipeline=[dict(type='PackSample')], part=None)
    data = DATASETS.build(dict(options, tasks=dict(normal=cfg.tasks.normal)))
    for index in range(len(data)):
        sample, view = data[index], rooms[int(data.samples[data.indices[index]])]
        valid = sample['valid']['normal'].numpy()
        found = sample['targets']['normal'].numpy()[:, valid]
        assert valid.any() and np.abs(found - view.normal[valid].T).max() < 0.01  # steps of 2 / 255


def saved(folder, name, array):
    np.save(folder / f'{name}.npy', array)
    return folder / f'{name}.npy'


def test_what_the_depth_does_not_tell_is_left_as_it_is_and_said(rooms, tmp_path):
    assert find_axes(UNIT, None, []) == ({}, (
        'no depth tells their axes, taken as x to the right, y down, z forward, facing the camera; if they are not, '
        'change the signs of `scale` and the order of `channels` in _targets'))
    assert find_axes(UNIT, METRES, [])[1].startswith('too little depth beside them')
    wall = (saved(tmp_path, 'n', np.broadcast_to(np.float32([0, 0, 1]), (*SIZE, 3))),
            saved(tmp_path, 'd', np.full(SIZE, 2, np.float32)))
    options, sentence = find_axes(UNIT, METRES, [wall])  # turned away, but about the optical axis it may be turned, too
    assert options == {} and sentence.startswith('the depth does not tell their axes (')
    noise = np.random.default_rng(0).normal(size=(*SIZE, 3)).astype(np.float32)
    other = saved(tmp_path, 'o', noise), saved(tmp_path, 'e', rooms[0].depth.astype(np.float32))
    options, sentence = find_axes(UNIT, METRES, [other])
    assert options == {} and sentence.startswith('they fit the depth under no axes (the best are ')
    smaller = other[0], saved(tmp_path, 'f', np.ones((8, 8), np.float32))
    assert find_axes(UNIT, METRES, [smaller])[1].startswith('too little depth beside them')
