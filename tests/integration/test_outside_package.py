"""What docs/extending.md shows, done: its files are written as they stand there into an empty folder and used."""
import json
import os
import re

import cv2
import numpy as np
import pytest
from test_engine.tiny_stream import ROOT, run_python

from lhl.synthetic.rooms import render

DOCUMENT = ROOT / 'docs/extending.md'


def files_of(document):
    """Find the code blocks that begin with the name of their file, ``# NAME.py``."""
    return {name: code for name, code in re.findall(r'```python\n# (\w+\.py)\n(.*?)```', document.read_text(), re.S)}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """The folder of a newcomer: the files of the document, and rendered rooms as the data."""
    folder = tmp_path_factory.mktemp('newcomer')
    for name, code in files_of(DOCUMENT).items():
        (folder / name).write_text(code)
    for split, seeds in (('train', range(8)), ('val', range(8, 10))):
        place = folder / 'data/house' / split
        place.mkdir(parents=True)
        for seed in seeds:
            view = render(seed, 32, 48)
            pictures = {'.jpg': view.image[..., ::-1], '_albedo.png': view.image[..., ::-1],
                        '_depth.png': (view.depth * view.measured * 1000).astype(np.uint16)}
            assert all(cv2.imwrite(str(place / f'{seed}{ending}'), picture) for ending, picture in pictures.items())
    return folder


def lhl(folder, *arguments):
    """Run a command of lhl in a folder, whose modules Python finds."""
    environment = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': os.pathsep.join([str(ROOT), '.'])}
    return run_python(['-m', 'lhl', *arguments], folder, environment)


@pytest.fixture(scope='module')
def trained(folder):
    """The folder after ``lhl train house.py``."""
    done = lhl(folder, 'train', 'house.py', '--no-page')
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_the_document_has_a_file_for_each_part_and_the_config():
    assert list(files_of(DOCUMENT)) == ['house.py', 'anchor.py', 'albedo.py', 'pairs.py']
    assert all(not line.startswith('from lhl') or 'import' in line for code in files_of(DOCUMENT).values()
               for line in code.splitlines())


def test_its_method_task_and_data_set_are_trained_and_scored(trained):
    results = json.loads((trained / 'work_dirs/house/results.json').read_text())
    assert (results['method'], results['stream']) == ('Anchor', ['depth', 'albedo'])
    assert [phase['iterations'] for phase in results['phases']] == [4, 4]  # two epochs of half of eight images, in twos
    after = results['phases'][1]['metrics']
    assert set(after) == {'depth', 'albedo'} and 0 < after['albedo']['loss'] < 3


def test_its_run_is_tested_from_its_folder_alone(trained):
    done = lhl(trained, 'test', 'work_dirs/house', '--out', 'metrics.json', '--trust-config')
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads((trained / 'work_dirs/house/results.json').read_text())
    assert json.loads((trained / 'metrics.json').read_text()) == results['phases'][1]['metrics']


def test_its_modules_are_not_imported_unasked(trained):
    done = lhl(trained, 'test', 'work_dirs/house')
    assert done.returncode == 1 and 'Traceback' not in done.stderr
    assert "imports 'anchor', 'albedo', 'pairs', which would run the code" in done.stderr
    assert 'give --trust-config' in done.stderr


def test_its_data_is_checked(trained):
    done = lhl(trained, 'check-dataset', 'house.py', '--workers', '0')
    assert done.returncode == 0 and '**No problem found.**' in done.stdout, done.stderr[-3000:]
    assert (trained / 'work_dirs/check/house/contact_sheet.png').exists()


@pytest.mark.slow
def test_its_run_is_drawn_compared_and_extended_by_another_method(trained):
    """HAD distils a kind of task that lhl has never seen, on top of a run of a method that it has never seen."""
    done = lhl(trained, 'report', 'work_dirs/house', '--out', 'report', '--trust-config')
    assert done.returncode == 0, done.stderr[-3000:]
    assert (trained / 'report/predictions.png').exists()
    done = lhl(trained, 'compare', 'work_dirs/house', '--reference', 'work_dirs/house', '--trust-config')
    assert done.returncode == 0 and '| Anchor |' in done.stdout, done.stderr[-3000:]
    had = ("dict(type='HAD', alpha=1.0, group_threshold=0.9, "
           "distribution_balanced=dict(type='DistributionBalancedLoss'), saliency_guided=None)")
    config = (trained / 'house.py').read_text().replace("dict(type='Anchor', weight=1.0)", had).replace(
        "phases = [dict(task='depth'), dict(task='albedo')]", "phases = [dict(task='more')]").replace(
        "tasks = dict(depth=dict(type='DepthEstimation'), albedo=dict(type='AlbedoEstimation'))",
        "tasks = dict(more=dict(type='AlbedoEstimation'))").replace("'anchor', ", '')
    (trained / 'more.py').write_text(config)
    for split in ('train', 'val'):
        for path in (trained / 'data/house' / split).glob('*_albedo.png'):
            (path.parent / path.name.replace('albedo', 'more')).write_bytes(path.read_bytes())
    done = lhl(trained, 'extend', 'work_dirs/house', '--config', 'more.py', '--trust-config')
    assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads((trained / 'work_dirs/more/results.json').read_text())
    assert results['stream'] == ['depth', 'albedo', 'more']
    assert set(results['phases'][2]['metrics']) == {'depth', 'albedo', 'more'}
    assert "'anchor'" in (trained / 'work_dirs/more/config.py').read_text()  # the old run's modules are known, too


def test_a_config_without_its_imports_says_what_is_unknown(trained):
    config = (trained / 'house.py').read_text().replace('custom_imports', '_no_imports')
    (trained / 'forgotten.py').write_text(config)
    done = lhl(trained, 'train', 'forgotten.py')
    assert done.returncode == 1 and 'Traceback' not in done.stderr
    for name in ('Anchor', 'AlbedoEstimation', 'PairedPictures'):
        assert re.search(f"error: .*'{name}'", done.stderr), done.stderr
