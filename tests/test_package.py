"""What a wheel carries, and that it works on its own: in an environment without the checkout, from an empty folder."""
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile

import pytest
from test_engine.tiny_stream import ROOT

import lhl

TINY = ['train_cfg.max_epochs=1', 'phases.0.train_cfg.max_epochs=1',
        *(f'{loader}.{key}={value}' for loader in ('train_dataloader', 'val_dataloader') for key, value in (
            ('batch_size', 2), ('num_workers', 0), ('persistent_workers', False), ('dataset.data_root', 'rooms')))]


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    """Build the wheel from a copy, because building writes beside what it builds."""
    folder = tmp_path_factory.mktemp('package')
    source = folder / 'source'
    for name in ('lhl', 'configs'):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('pyproject.toml', 'setup.py', 'MANIFEST.in', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, source)
    subprocess.run([sys.executable, '-m', 'build', '--no-isolation', '--outdir', folder, source], check=True,
                   capture_output=True)  # first the source distribution, then the wheel from it
    found, = folder.glob('*.whl')
    return found


def test_the_wheel_carries_the_configs_the_published_tables_the_types_and_the_command(wheel):
    archive = zipfile.ZipFile(wheel)
    names = archive.namelist()
    configs = {str(path.relative_to(ROOT)) for path in (ROOT / 'configs').rglob('*.py')}
    assert {name.removeprefix('lhl/.mim/') for name in names if name.startswith('lhl/.mim/') and name.endswith('.py')
            } == configs and len(configs) > 100
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / 'lhl').rglob('*.py')}
    assert {name for name in names if name.endswith('.py') and '.mim' not in name} == sources
    tables = {str(path.relative_to(ROOT)) for path in (ROOT / 'lhl').rglob('*.csv')}
    assert {name for name in names if name.endswith('.csv')} == tables and tables
    assert 'lhl/py.typed' in names
    info = f'lhl-{lhl.__version__}.dist-info'
    assert 'lhl = lhl.cli:main' in archive.read(f'{info}/entry_points.txt').decode()
    metadata = archive.read(f'{info}/METADATA').decode()
    assert f'\nVersion: {lhl.__version__}\n' in metadata and '\nLicense-Expression: Apache-2.0\n' in metadata
    assert '\nRequires-Dist: torch>=2.4\n' in metadata and '# lhl: lifelong heterogeneous learning' in metadata


@pytest.mark.slow
def test_the_wheel_works_in_an_environment_without_the_checkout_from_an_empty_folder(wheel, tmp_path):
    venv.create(tmp_path / 'environment')
    python = tmp_path / 'environment/bin/python'
    subprocess.run([sys.executable, '-m', 'pip', '--python', python, 'install', '--no-deps', '--quiet', wheel],
                   check=True)
    # The packages that lhl needs, from where they are; a folder named in a .pth file adds no editable installs.
    site_packages, = (tmp_path / 'environment/lib').glob('python*/site-packages')
    (site_packages / 'dependencies.pth').write_text(sysconfig.get_path('purelib') + '\n')
    empty = tmp_path / 'empty'
    empty.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}

    def run(*arguments):
        found = subprocess.run([python.with_name('lhl'), *map(str, arguments)], cwd=empty, capture_output=True,
                               text=True, env={**environment, 'OMP_NUM_THREADS': '1'})
        assert found.returncode == 0, found.stderr
        return found.stdout

    where = subprocess.run([python, '-c', 'import lhl, lhl.config_files; print(lhl.__file__)'], cwd=empty,
                           capture_output=True, text=True, env=environment).stdout
    assert where.startswith(str(site_packages))
    assert 'now holds 6 train and 2 val images' in run(
        'convert', 'synth-rooms', 'rooms', '--train', 6, '--val', 2, '--size', 24, 32)
    assert 'AbsErr' in run('train', 'had/had_tiny_synthrooms.py', '--work-dir', 'had', '--cfg-options', *TINY)
    results = json.loads((empty / 'had/results.json').read_text())
    assert results['config'] == str(site_packages / 'lhl/.mim/configs/had/had_tiny_synthrooms.py')
    assert 'AbsErr' in run('test', 'had')
    out = run('benchmark', 'tiny_synthrooms', '--only', 'dis', '--work-dir', 'suite', '--cfg-options', *TINY)
    assert '[2/2] dis seed 0 finished' in out
    table = run('compare', 'had', 'suite/dis/seed0', '--reference', 'suite/vanilla/seed0')
    assert all(f'| {method} |' in table for method in ('HAD', 'DIS', 'Vanilla'))
    assert {path.name for path in empty.iterdir()} == {'rooms', 'had', 'suite'}
