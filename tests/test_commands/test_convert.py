import importlib
import inspect

import numpy as np
import pytest
from sentences import the_error
from test_datasets.test_nyud import NAMES, write_nyud

from lhl.commands.convert import CONVERTERS, DOMAINS, LAYOUTS
from lhl.datasets.rendered import LAYOUTS as LAYOUTS_ON_DISK
from lhl.datasets.rendered.manifest import Manifest
from lhl.datasets.taskonomy.encodings import ENCODINGS


def test_what_is_offered_is_what_can_be_written():
    assert set(LAYOUTS) == set(LAYOUTS_ON_DISK) and tuple(ENCODINGS) == DOMAINS
    assert set(CONVERTERS) == {'cityscapes', 'mobilenet-v2', 'nyud', 'nyuv2', 'pascal-context', 'taskonomy',
                               'synth-rooms'}


@pytest.fixture
def called(monkeypatch):
    """Replace a converter by one that only says what it was called with, by the names of its arguments."""
    def replace(path, result):
        found = {}
        module, _, name = path.rpartition('.')
        signature = inspect.signature(getattr(importlib.import_module(module), name))

        def convert(*args, **kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            found.update(bound.arguments)
            return result
        monkeypatch.setattr(path, convert)
        return found
    return replace


@pytest.mark.parametrize('name, function, options, expected', [
    ('cityscapes', 'cityscapes.convert_cityscapes', [],
     dict(official='in', out='out', height=128, width=256, depth='disparity')),
    ('cityscapes', 'cityscapes.convert_cityscapes', ['--size', 2, 3, '--depth', 'metres'],
     dict(official='in', out='out', height=2, width=3, depth='metres')),
    ('nyud', 'nyud.convert_nyud', [], dict(release='in', out='out')),
    ('nyuv2', 'nyuv2.convert_nyuv2', [], dict(raw='in', out='out', height=288, width=384, normals=None)),
    ('nyuv2', 'nyuv2.convert_nyuv2', ['--size', 2, 3, '--normals', 'n'],
     dict(raw='in', out='out', height=2, width=3, normals='n')),
    ('pascal_context', 'pascal_context.convert_pascal_context', [], dict(release='in', out='out')),
    ('taskonomy', 'taskonomy.convert_taskonomy', [],
     dict(release='in', out='out', size=256, domains=list(ENCODINGS), buildings=(), skip=())),
    ('taskonomy', 'taskonomy.convert_taskonomy',
     ['--size', 9, '--domains', 'normal', '--buildings', 'a', 'b', '--skip', 'a/point_1_view_2'],
     dict(release='in', out='out', size=9, domains=['normal'], buildings=['a', 'b'], skip=['a/point_1_view_2']))])
def test_the_arguments_reach_the_converter(tool, called, name, function, options, expected):
    found = called(f'lhl.datasets.converters.{function}', 3)
    code, stdout, _ = tool(f'dataset_converters/{name}.py', 'in', 'out', *options)
    said, following = stdout.splitlines()
    assert code == 0 and said.startswith('out: 3 ') and said.endswith(' converted, all others were there')
    assert following.startswith('next: name out in a config, as data_root of a data set; ')
    assert found == expected


@pytest.mark.parametrize('options, changes', [
    ([], {}),
    (['--layout', 'nyud', '--train', 5, '--val', 6, '--size', 7, 8, '--seed', 9, '--processes', 2, '--all-valid'],
     dict(layout='nyud', train=5, val=6, height=7, width=8, seed=9, processes=2, invalid_pixels=False))])
def test_the_arguments_reach_the_renderer(tool, called, options, changes):
    found = called('lhl.datasets.rendered.write_dataset', Manifest(9, 7, 8, True, {'train': 5, 'val': 6}, True, {}))
    code, stdout, _ = tool('dataset_converters/synth_rooms.py', 'out', *options)
    assert code == 0 and stdout.startswith('out now holds 5 train and 6 val images (')
    assert found == dict(out_dir='out', train=795, val=654, height=288, width=384, seed=0, processes=None,
                         invalid_pixels=True, layout='nyuv2') | changes


def test_a_release_is_converted_and_an_error_is_one_line(tool, tmp_path):
    release = write_nyud(tmp_path / 'release')
    files = 5 * sum(map(len, NAMES.values())) + 2  # five folders, and two lists
    code, stdout, _ = tool('dataset_converters/nyud.py', release, tmp_path / 'out')
    assert code == 0 and f'{files} files converted' in stdout
    code, _, stderr = tool('dataset_converters/nyud.py', tmp_path / 'nowhere', tmp_path / 'out')
    assert the_error(code, stderr).startswith('error: list ') and stderr.count('\n') == 1


def test_rooms_are_rendered_and_a_refusal_is_one_line(tool, tmp_path):
    code, stdout, _ = tool('dataset_converters/synth_rooms.py', tmp_path / 'rooms', '--train', 1, '--val', 1, '--size',
                           16, 20, '--seed', 2, '--processes', 1)
    assert code == 0 and 'now holds 1 train and 1 val images' in stdout
    assert np.load(tmp_path / 'rooms/val/image/0.npy').shape == (16, 20, 3)
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine/holiday.jpg').write_text('x')
    code, _, stderr = tool('dataset_converters/synth_rooms.py', tmp_path / 'mine', '--train', 1, '--val', 0)
    assert the_error(code, stderr) and stderr.count('\n') == 1


def test_an_interrupted_conversion_says_how_to_go_on(tool, monkeypatch, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt
    monkeypatch.setattr('lhl.datasets.converters.nyud.convert_nyud', interrupted)
    assert tool('dataset_converters/nyud.py', tmp_path, tmp_path) == (
        130, '', 'interrupted; run the same command again to continue\n')
