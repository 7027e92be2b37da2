import argparse

import numpy as np
import pytest

from lhl.datasets.converters.commands import CONVERTERS
from lhl.errors import DataError, LHLError

from ..nyud_files import write_nyud
from ..pascal_context_files import write_pascal

ARGUMENTS = dict(cityscapes=('--size', '8', '16'), nyuv2=('--size', '24', '32'), taskonomy=('--size', '6'))


def run(name, *arguments):
    """Parse arguments as the command line does, and convert."""
    parser = argparse.ArgumentParser()
    CONVERTERS[name].add_arguments(parser)
    return CONVERTERS[name].convert(**vars(parser.parse_args([str(argument) for argument in arguments])))


@pytest.mark.parametrize(('name', 'count'), [
    ('cityscapes', '4 images'), ('nyud', '27 files'), ('nyuv2', '3 images'), ('pascal_context', '26 files'),
    ('taskonomy', '6 views')])
def test_each_command_says_how_much_it_has_made_and_makes_nothing_twice(tmp_path, request, name, count):
    source = dict(cityscapes=lambda: request.getfixturevalue('official'),
                  nyud=lambda: write_nyud(tmp_path / 'NYUD_MT'),
                  nyuv2=lambda: request.getfixturevalue('raw'),
                  pascal_context=lambda: write_pascal(tmp_path / 'PASCAL_MT'),
                  taskonomy=lambda: request.getfixturevalue('release'))[name]()
    arguments = (source, tmp_path / 'out', *ARGUMENTS.get(name, ()))
    assert run(name, *arguments) == f'{tmp_path / "out"}: {count} converted, all others were there'
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / 'out').rglob('*') if path.is_file()}
    assert run(name, *arguments) == f'{tmp_path / "out"}: 0 {count.split()[1]} converted, all others were there'
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / 'out').rglob('*') if path.is_file()} == files


@pytest.mark.parametrize('name', [name for name in CONVERTERS if name != 'synth_rooms'])
def test_a_missing_source_is_one_sentence(tmp_path, name):
    with pytest.raises(LHLError, match='nowhere') as caught:
        run(name, tmp_path / 'nowhere', tmp_path / 'out', *ARGUMENTS.get(name, ()))
    assert '\n' not in str(caught.value) and not (tmp_path / 'out').exists()


def test_the_size_is_rows_and_columns(tmp_path, official, raw):
    run('cityscapes', official, tmp_path / 'cityscapes', '--size', 8, 16)
    assert np.load(tmp_path / 'cityscapes/train/image/0.npy').shape == (8, 16, 3)
    run('nyuv2', raw, tmp_path / 'nyuv2', '--size', 24, 32)
    assert np.load(tmp_path / 'nyuv2/train/image/0.npy').shape == (24, 32, 3)


def test_the_options_reach_the_converters(tmp_path, official, release):
    run('cityscapes', official, tmp_path / 'metres', '--size', 8, 16, '--depth', 'metres')
    assert np.load(tmp_path / 'metres/train/depth/0.npy').max() > 1  # a disparity is a share of 65535
    said = run('taskonomy', release, tmp_path / 'small', '--size', 6, '--domains', 'edge_texture', '--buildings',
               'merom', '--skip', 'merom/point_0_view_1')
    assert '1 views converted' in said
    assert sorted(path.name for path in (tmp_path / 'small').iterdir() if path.is_dir()) == ['edge_texture', 'rgb']


def test_rooms_are_rendered_and_what_the_folder_holds_is_said(tmp_path):
    out = tmp_path / 'rooms'
    arguments = (out, '--val', 1, '--size', 16, 20, '--seed', 2, '--processes', 1)
    assert run('synth_rooms', *arguments, '--train', 2).startswith(f'{out} now holds 2 train and 1 val images (layout')
    assert run('synth_rooms', *arguments, '--train', 1).startswith(f'{out} now holds 2 train and 1 val images (layout')
    assert np.load(out / 'val' / 'image' / '0.npy').shape == (16, 20, 3)


def test_rooms_without_invalid_pixels_are_rendered_in_another_layout(tmp_path):
    said = run('synth_rooms', tmp_path / 'rooms', '--train', 1, '--val', 0, '--size', 16, 20, '--processes', 1,
               '--layout', 'cityscapes', '--all-valid')
    assert 'layout cityscapes' in said and 'without invalid pixels' in said


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / 'holiday.jpg').write_text('x')
    with pytest.raises(DataError, match="holds 'holiday.jpg' but no synth_rooms.json"):
        run('synth_rooms', tmp_path, '--train', 1, '--val', 0)


def test_every_command_has_one_sentence_that_describes_it():
    assert list(CONVERTERS) == ['cityscapes', 'nyud', 'nyuv2', 'pascal_context', 'taskonomy', 'synth_rooms']
    assert all(converter.description.endswith('.') and '\n' not in converter.description
               for converter in CONVERTERS.values())
