"""What a wheel carries, and that it works on its own: in an environment without the checkout, from an empty folder."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request
import venv
import zipfile

import cv2
import numpy as np
import pytest
from browser import CHROMEDRIVER, CHROMIUM, MISSING, Browser
from test_engine.tiny_stream import ROOT

import lhl

TINY = ['train_cfg.max_epochs=1', 'phases.0.train_cfg.max_epochs=1',
        *(f'{loader}.{key}={value}' for loader in ('train_dataloader', 'val_dataloader') for key, value in (
            ('batch_size', 2), ('num_workers', 0), ('persistent_workers', False), ('dataset.data_root', 'rooms')))]

#: Nothing of the checkout is on the way.
ALONE = {**{name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}, 'OMP_NUM_THREADS': '1'}


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
    assert '\nRequires-Dist: torch>=2.4\n' in metadata and '# lhl: add a task to a trained network' in metadata


@pytest.fixture(scope='module')
def environment(wheel, tmp_path_factory):
    """The wheel in an environment without the checkout, with Gradio from the registry; gives the command."""
    folder = tmp_path_factory.mktemp('environment')
    venv.create(folder)
    python = folder / 'bin/python'

    def install(*what):
        subprocess.run([sys.executable, '-m', 'pip', '--python', python, 'install', '--quiet', *what], check=True)
    install('--no-deps', wheel)
    # The packages that lhl needs, from where they are; a folder named in a .pth file adds no editable installs.
    site_packages, = (folder / 'lib').glob('python*/site-packages')
    (site_packages / 'dependencies.pth').write_text(sysconfig.get_path('purelib') + '\n')
    install('lhl[demo]')
    found = subprocess.run([python, '-c', 'import lhl; print(lhl.__file__)'], cwd=folder, capture_output=True,
                           text=True, env=ALONE).stdout
    assert found.startswith(str(site_packages))
    return folder / 'bin/lhl', site_packages


@pytest.fixture(scope='module')
def trained(environment, tmp_path_factory):
    """An empty folder in which rooms were rendered and two methods have learned; how to run a command there."""
    empty = tmp_path_factory.mktemp('empty')

    def run(*arguments):
        found = subprocess.run([environment[0], *map(str, arguments)], cwd=empty, capture_output=True,
                               text=True, env=ALONE)
        assert found.returncode == 0, found.stderr
        return found.stdout
    assert 'now holds 6 train and 2 val images' in run(
        'convert', 'synth-rooms', 'rooms', '--train', 6, '--val', 2, '--size', 64, 96)
    for method in ('had', 'vanilla'):
        assert 'next: lhl predict' in run('train', f'{method}/{method}_tiny_synthrooms.py', '--work-dir', method,
                                          '--cfg-options', *TINY)
    picture = (255 * np.load(empty / 'rooms/val/image/0.npy')).astype(np.uint8)[..., ::-1]
    assert cv2.imwrite(str(empty / 'room.png'), picture)
    return empty, run


@contextlib.contextmanager
def demo_page(command, folder, *runs):
    """Serve the page; its address. It ends well on SIGTERM, as a service manager sends it."""
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen([command, 'demo', *runs, '--port', str(port)], cwd=folder, stdout=subprocess.PIPE,
                              text=True, env=ALONE)
    try:
        assert server.stdout.readline() == f'page: http://127.0.0.1:{port}/ (Ctrl-C ends it)\n'
        yield f'http://127.0.0.1:{port}'
        server.send_signal(signal.SIGTERM)
        assert 'next: lhl predict' in server.communicate(timeout=60)[0] and server.returncode == 0
    finally:
        server.kill()
        server.wait()


def status_of(request):
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.slow
def test_the_page_gives_away_no_file_and_asks_no_other_host(environment, trained):
    folder, _ = trained
    with demo_page(environment[0], folder, 'had') as page:
        with urllib.request.urlopen(page) as answer:
            assert "default-src 'self'" in answer.headers['Content-Security-Policy']
            assert 'fonts.g' not in answer.read().decode()
        for path in ('/gradio_api/file=/etc/passwd', f'/gradio_api/file={folder}/room.png', '/gradio_api/file=room.png',
                     '/gradio_api/file=../../../../../../etc/passwd', '/file=/etc/passwd',
                     '/gradio_api/file/etc/passwd',
                     '/static/../../../../../../../../etc/passwd', f'/gradio_api/proxy={page}/config'):
            assert status_of(page + path) >= 400, path
        for image in (str(folder / 'room.png'), '/etc/passwd', f'{page}/theme.css', 'http://192.0.2.1/a.png'):
            ask = dict(data=[{'path': image, 'meta': {'_type': 'gradio.FileData'}}, 1], fn_index=0, session_hash='abc')
            body, headers = json.dumps(ask).encode(), {'Content-Type': 'application/json'}
            assert status_of(urllib.request.Request(f'{page}/gradio_api/queue/join', body, headers)) == 200
            with urllib.request.urlopen(f'{page}/gradio_api/queue/data?session_hash=abc', timeout=60) as answer:
                said = answer.read().decode()
            assert '"success":false' in said and '"success":true' not in said, image


@pytest.mark.slow
@pytest.mark.skipif(not (CHROMIUM and CHROMEDRIVER), reason=MISSING)
def test_the_page_in_a_browser(environment, trained, tmp_path):
    folder, _ = trained
    pictures = "return [...document.querySelectorAll('img')].map(picture => picture.src)"
    move = """const slider = document.querySelector('input[type=range]');
        Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(slider, arguments[0]);
        for (const kind of ['input', 'change']) slider.dispatchEvent(new Event(kind, {bubbles: true}));"""
    with demo_page(environment[0], folder, 'had', 'vanilla') as page, Browser(tmp_path / 'log') as browser:
        browser.open(page)
        zone = browser.wait(lambda: browser.run("return document.querySelector('input[type=file]')?.closest('button')"))
        browser.drop(zone, folder / 'room.png')
        last = browser.wait(lambda: (found := browser.run(pictures)) and len(found) == 2 and found)
        text = browser.run('return document.body.innerText')
        for name in ('HAD', 'Vanilla'):
            assert f'{name} after phase 3 of 3, knows segmentation, depth and normal' in text
        browser.run(move, 1)
        first = browser.wait(lambda: len(found := browser.run(pictures)) == 2 and not set(found) & set(last) and found)
        assert 'HAD after phase 1 of 3, knows segmentation' in browser.run('return document.body.innerText')
        sizes = [cv2.imdecode(np.frombuffer(urllib.request.urlopen(one).read(), np.uint8), 1).shape for one in (
            first[0], last[0])]
        assert sizes[0][0] < sizes[1][0]  # one row of pictures, then two
        hosts = browser.run('return performance.getEntriesByType("resource").map(one => new URL(one.name).host)')
        assert set(hosts) == {page.removeprefix('http://')}


@pytest.mark.slow
def test_the_wheel_works_in_an_environment_without_the_checkout_from_an_empty_folder(environment, trained):
    (empty, run), (_, site_packages) = trained, environment
    results = json.loads((empty / 'had/results.json').read_text())
    assert results['config'] == str(site_packages / 'lhl/.mim/configs/had/had_tiny_synthrooms.py')
    assert 'AbsErr' in run('test', 'had')
    assert 'predictions/panel' in run('predict', 'had', 'room.png', '--out', 'predictions')
    for format, file in dict(safetensors='model.safetensors', mmseg='segmentor.pth', torch='model.pt2',
                             onnx='model.onnx').items():
        assert 'next: ' in run('export', 'had', '--format', format, '--out', f'exported/{format}')
        assert (empty / 'exported' / format / file).exists()
    for number in range(12):  # edges of pictures of one's own
        generator = np.random.default_rng(number)
        for folder in ('images', 'edges'):
            (empty / 'mine' / folder).mkdir(parents=True, exist_ok=True)
            shape = (64, 96, 3) if folder == 'images' else (64, 96)
            cv2.imwrite(str(empty / f'mine/{folder}/{number}.png'), generator.integers(0, 256, shape, np.uint8))
    said = run('new', 'more', '--images', 'mine/images', '--target', 'edges=mine/edges', '--extend', 'had')
    assert said.splitlines()[-1] == 'next: lhl extend had --config more.py'
    assert 'next: lhl train more.py' in run('check-dataset', 'more.py')
    assert 'edges' in run('extend', 'had', '--config', 'more.py', '--work-dir', 'grown', '--cfg-options',
                          'train_cfg.max_epochs=1')
    out = run('benchmark', 'tiny_synthrooms', '--only', 'dis', '--work-dir', 'suite', '--cfg-options', *TINY)
    assert '[2/2] dis seed 0 finished' in out
    table = run('compare', 'had', 'suite/dis/seed0', '--reference', 'suite/vanilla/seed0')
    assert all(f'| {method} |' in table for method in ('HAD', 'DIS', 'Vanilla'))
    assert 'page: report/index.html' in run('report', 'had', 'vanilla', '--out', 'report')
    assert 'had-table1' in run('reproduce', '--list')
    with demo_page(environment[0], empty, 'had', 'vanilla') as page:
        assert status_of(page) == 200
