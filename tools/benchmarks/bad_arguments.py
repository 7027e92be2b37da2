"""Bad arguments, of every command of ``lhl``."""
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_BAD_OPTIONS = (
    'method', 'method.alpha', '=1', 'method.=1', '.alpha=1', 'method..alpha=1', 'method.alpha=[1', 'method.alpha=(1]',
    'method.alpha.deep=1', 'phases.9.method.alpha=1', 'phases.x=1', 'phases.-1.task=depth', 'phases=[]', 'phases=3',
    'tasks=3', 'model=3', 'model.backbone=3', 'method=3', 'train_dataloader=3', 'val_dataloader=text', 'train_cfg=3',
    'optim_wrapper=3', 'optim_wrapper.optimizer=3', 'randomness=3', 'default_hooks=3', 'env_cfg=3', 'custom_hooks=3',
    'default_scope=nowhere', 'log_level=LOUD', 'method.alpha=', 'method.alpha=nan', 'method.alpha=1e999',
    'method.alpha=None', 'method.alpha=True', 'method.alfa=1', 'metod.alpha=1',
    'train_cfg.max_epochs=0', 'train_cfg.max_epochs=1.5', 'train_dataloader.batch_size=0',
    'train_dataloader.batch_size=1000', 'train_dataloader.dataset.data_root=/no/such/folder',
    'val_dataloader.dataset.data_root=/no/such/folder', 'train_dataloader.dataset.data_root=',
    'train_dataloader.num_workers=-1', 'optim_wrapper.optimizer.lr=-1', 'custom_imports.imports=no_such_module',
    'custom_imports=3')
#: How a good command is called: one that failed would be refused whatever is wrong with it.
GOOD_COMMAND = 'a good command'
_BAD_NUMBERS = ('x', '', '1.5', 'nan', '--', '1e3', '-1')
_BAD_NUMBERS_OF = {'--until': ('4', ), '--seed': ('4294967296', ), '--phase': ('0', '4'), '--batches': ('0', ),
                   '--threads': ('0', ), '--port': ('0', '65536', '99999999999')}
#: Paths that are no run, no checkpoint and no config.
_BAD_PATHS = ('', '.', '/', '/no/such', '/dev/null', '/dev/zero', 'a' * 5000, '/etc/hostname', '~nobody', '*',
              'had', 'had/had_tiny_synthroms.py', 'https://example.com/x.py')
#: What the first argument of a command cannot be, where it is no path of a file that is read.
_NAMES = dict(benchmark=('', 'synthroms', 'had.py'), reproduce=('', 'had-table', 'had-table1.md', 'had-table99', '/'),
              new=('', '.', '/', 'a' * 5000, '1st', 'my rooms', 'x;y', '*', '-', '/dev/null/x', '/proc/x', 'no/such/'))


def bad_arguments(bench: Path) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Give commands with bad arguments.

    Args:
        bench: A folder with ``had.py``, ``vanilla.py`` and their runs ``had`` and ``vanilla``.

    Yields:
        The command, what is wrong, and its arguments.
    """
    config, run, other, data = (str(bench / name) for name in ('had.py', 'had', 'vanilla', 'data'))
    rooms = ('synth-rooms', 'out', '--train', '1', '--val', '1')
    good: dict[str, tuple[str, ...]] = {
        'train': (config, '--work-dir', 'run'), 'test': (run, ),
        'extend': (run, '--config', config, '--work-dir', 'run'),
        'search': (config, '--step', 'method.alpha', '1', '--reference', other, '--work-dir', 'run'),
        'benchmark': ('tiny_synthrooms', '--work-dir', 'run', '--dry-run'),
        'compare': (run, '--reference', other), 'report': (run, '--out', 'out'),
        'predict': (run, str(bench / 'data/val/image'), '--out', 'out'),
        'export': (run, '--format', 'safetensors', '--out', 'out'), 'gradients': (run, '--batches', '1'),
        'new': ('mine', '--images', f'{data}/train/image', '--target', f'depth={data}/train/depth'),
        'demo': (run, '--port', '7861'), 'reproduce': ('had-table1', '--work-dir', 'run', '--dry-run'),
        'check-dataset': (config, '--out', 'out'), 'model-size': (config, )}
    # The tiny stream has no task to add, and a page is served until Ctrl-C.
    yield from ((command, GOOD_COMMAND, arguments) for command, arguments in good.items()
                if command not in ('extend', 'demo'))
    for command, arguments in good.items():
        yield command, 'nothing', ()
        yield command, '--unknown', (*arguments, '--unknown')
        yield command, '--hlep', (*arguments, '--hlep')
        yield command, 'one argument too many', (*arguments, 'more') if command not in (
            'compare', 'report', 'new', 'demo') else (*arguments, '--trust-config=3')
        for path in _NAMES.get(command, _BAD_PATHS):
            if not (command == 'train' and path in ('had', )):
                yield command, f'{path[:40]!r} in place of {arguments[0]}', (path, *arguments[1:])
    for command in ('train', 'test', 'search', 'gradients', 'check-dataset', 'model-size'):
        for option in _BAD_OPTIONS:
            if _matters(command, option):
                yield command, f'--cfg-options {option}', (*good[command], '--cfg-options', option)
        yield command, '--cfg-options', (*good[command], '--cfg-options')
    for command, flag in (('train', '--seed'), ('train', '--until'), ('extend', '--seed'), ('extend', '--until'),
                          ('search', '--seed'), ('benchmark', '--jobs'), ('benchmark', '--seeds'),
                          ('report', '--views'), ('check-dataset', '--workers'), ('benchmark', '--threads'),
                          ('reproduce', '--seeds'), ('reproduce', '--jobs'), ('reproduce', '--threads'),
                          ('gradients', '--phase'), ('gradients', '--batches'), ('demo', '--port')):
        for number in (*_BAD_NUMBERS, *_BAD_NUMBERS_OF.get(flag, ())):
            begins = [argument for argument in good[command] if (flag, argument) != ('--jobs', '--dry-run')]
            yield command, f'{flag} {number!r}', (*begins, flag, number)
    for command in ('train', 'test', 'extend', 'search'):
        for launcher in ('x', '', 'pytorch', 'slurm', 'mpi'):
            yield command, f'--launcher {launcher!r} without one', (*good[command], '--launcher', launcher)
    for size in (('0', '0'), ('-1', '5'), ('x', 'y'), ('5', ), ('1', '1', '1'), ('1.5', '2')):
        yield 'model-size', f'--size {size}', (config, '--size', *size)
        yield 'convert', f'synth-rooms --size {size}', (*rooms, '--size', *size)
    for path in ('/no/such', '/dev/null', '', config, data, str(bench)):
        yield 'train', f'--take-over {path!r}', (*good['train'], '--take-over', path)
        yield 'search', f'--reference {path!r}', (*good['search'], '--reference', path)
        yield 'compare', f'--reference {path!r}', (run, '--reference', path)
        yield 'compare', f'--single-task {path!r}', (run, '--reference', other, '--single-task', path)
        yield 'extend', f'--config {path!r}', (run, '--config', path)
        yield 'extend', f'--segmentor-config {path!r}', (*good['extend'], '--segmentor-config', path)
        for data_set in ('nyuv2', 'nyud', 'cityscapes', 'pascal-context', 'taskonomy'):
            yield 'convert', f'{data_set} {path!r}', (data_set, path, 'out')
    for path in ('/dev/null/x', config, '/proc/x', 'a' * 5000):
        for command, flag in (('train', '--work-dir'), ('extend', '--work-dir'), ('search', '--work-dir'),
                              ('benchmark', '--work-dir'), ('report', '--out'), ('check-dataset', '--out'),
                              ('export', '--out'), ('gradients', '--out'), ('reproduce', '--work-dir'),
                              ('compare', '--report'), ('check-dataset', '--write-manifest')):
            place = str(bench) if (command, flag, path) == ('gradients', '--out', config) else path
            yield command, f'{flag} {place[:40]!r}', (*(
                argument for argument in good[command] if argument != '--dry-run'), flag, place)
        yield 'test', f'--out {path[:40]!r}', (run, '--out', path if path != config else str(bench))
        yield 'compare', f'--out {path[:40]!r}', (run, '--reference', other, '--out', path)
        yield 'convert', f'synth-rooms {path[:40]!r}', ('synth-rooms', path, '--train', '1', '--val', '1')
    yield 'train', '--resume without a run', (*good['train'], '--resume')
    yield 'extend', '--resume without a run', (*good['extend'], '--resume')
    yield 'extend', 'a task that is known already', good['extend']
    for steps in (('method.alpha', ), ('method.alfa', '1'), ('method.alpha', 'x'), ('phases.9.method.alpha', '1'),
                  ('', '1'), ('method', '3'), ('method.alpha', '-1'), ('method.alpha', 'nan')):
        yield 'search', f'--step {steps}', (config, '--step', *steps, '--reference', other, '--work-dir', 'run')
    for names in (('x', ), ('=', ), ('a=', ), ('=b', ), ('a=/no/such', )):
        yield 'compare', f'--name {names}', (run, '--reference', other, '--name', *names)
    yield from _bad_predictions(good['predict'])
    yield from _bad_folders(good['new'], data, run)
    yield from _bad_choices(good, bench)
    for flag, value in (('--format', 'html'), ('--compatibility', 'x')):
        yield 'compare', f'{flag} {value}', (run, '--reference', other, flag, value)
    yield 'benchmark', '--only x', (*good['benchmark'], '--only', 'x')
    for option in ('method', 'method.alfa=1', '=', 'phases=3', 'optim_wrapper.optimizer.lr=x'):
        for command in ('benchmark', 'reproduce'):
            yield command, f'--cfg-options {option}', (*good[command], '--cfg-options', option)
    for arguments in ((), ('x', ), ('nyuv2', ), ('nyuv2', 'a'), ('synth-rooms', )):
        yield 'convert', f'{arguments}', arguments
    for flag in ('--train', '--val', '--seed', '--processes'):
        for number in ('x', '-1', '1.5', '', 'nan'):
            yield 'convert', f'synth-rooms {flag} {number!r}', (*rooms, flag, number)
    yield 'convert', 'synth-rooms --layout x', ('synth-rooms', 'out', '--layout', 'x')
    yield 'convert', 'taskonomy --size -1', ('taskonomy', data, 'out', '--size', '-1')
    yield 'convert', 'taskonomy --domains x', ('taskonomy', data, 'out', '--domains', 'x')


def _bad_predictions(good: Sequence[str]) -> Iterator[tuple[str, str, Sequence[str]]]:
    run, images, *out = good
    for path in _BAD_PATHS:
        if path != '/':  # where there are images
            yield 'predict', f'{path[:40]!r} in place of the images', (run, path, *out)
            yield 'predict', f'{path[:40]!r} beside good images', (run, images, path, *out)
    for path in ('', '/dev/null/x', '/dev/null', '/etc/hostname', '/proc/x', 'a' * 5000):
        yield 'predict', f'--out {path[:40]!r}', (run, images, '--out', path)
    yield 'predict', 'no --out', (run, images)
    for flag, values in dict(
            device=('x', '', '-1', '0', 'gpu', 'cuda:99', 'cuda:-1', 'cpu:x', 'meta', 'mkldnn', 'xla', 'None'),
            precision=('x', '', '16', 'float64', 'half', 'Float32'), format=('x', '', 'jpg', 'panel,npy', 'PNG'),
            tasks=('x', '', 'Depth', 'depth,normal', '*'), batch_size=(*_BAD_NUMBERS, '0')).items():
        flag = f'--{flag.replace("_", "-")}'
        yield 'predict', flag, (*good, flag)
        for value in values:
            yield 'predict', f'{flag} {value!r}', (*good, flag, value)
    for flag in ('--image-size', '--window'):
        for size in ((), ('0', '0'), ('-1', '5'), ('x', 'y'), ('5', ), ('1', '1', '1'), ('1.5', '2'), ('nan', '9'),
                     ('', ''), ('own', 'own'), ('validation', ), ('\N{SUPERSCRIPT THREE}', '3'), ('99999999', '1')):
            yield 'predict', f'{flag} {size}', (*good, flag, *size)


def _bad_folders(good: Sequence[str], data: str, run: str) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Give what ``lhl new`` cannot make a config of."""
    name, depth, labels = good[0], f'{data}/train/depth', f'{data}/train/label'
    for images in ('', '/no/such', '/dev/null', '/etc/hostname', '{}', '/no/{}', f'{data}/train/image/{{}}_rgb',
                   f'{data}/train/image/0.npy', 'a' * 5000, '*'):
        yield 'new', f'--images {images[:40]!r}', (name, '--images', images, *good[3:])
        yield 'new', f'--target depth={images[:40]}', (*good[:4], f'depth={images}')
    for target in ('depth', '=', f'={depth}', 'depth=', f':depth={depth}', f'depth:={depth} ', f'thing={depth}',
                   f'thing:depht={depth}', f'1st:depth={depth}', f'my depth={depth}', f'depth:segmentation={depth}',
                   f'depth:normal={depth}', f'depth:nothing={depth}', f'normal={labels}',
                   f'../x:depth={depth}', f'depth\n:depth={depth}'):
        yield 'new', f'--target {target.replace(data, "data")!r}', (*good[:4], target)
    yield 'new', 'a task twice', (*good, f'depth={depth}')
    yield 'new', 'no --target', good[:3]
    yield 'new', 'no --images', (name, *good[3:])
    for given in ('x', '=', 'segmentation', 'segmentation=', 'segmentation=a,,b', 'segmentation=a,b', 'depth=a,b',
                  'nothing=a,b', '=a,b'):
        yield 'new', f'--classes {given}', (*good[:4], f'segmentation={labels}', '--classes', given)
    for path in (*_BAD_PATHS, run):
        yield 'new', f'--extend {path[:40]!r}', (*good, '--extend', path)


def _bad_choices(good: Mapping[str, Sequence[str]], bench: Path) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Give values that are none of those which a command knows, and paths of what it reads beside its first one."""
    run, other, config = str(bench / 'had'), str(bench / 'vanilla'), str(bench / 'had.py')
    choices = {('export', '--format'): ('x', '', 'ONNX', 'pt2'), ('gradients', '--at'): ('x', '', 'begin'),
               ('train', '--tracker'): ('x', '', 'wandb', 'mlflow'), ('extend', '--tracker'): ('x', '', 'wandb'),
               ('demo', '--device'): ('x', '', 'cuda:99', 'meta', 'cpu:x'),
               ('demo', '--host'): ('x', '256.256.256.256', 'a' * 300, '8.8.8.8', 'local host', '\N{SNOWMAN}.'),
               ('reproduce', '--only'): ('x', '', 'r99/had'), ('benchmark', '--only'): ('', 'x/y'),
               ('search', '--cfg-options'): ('randomness.seed=x', ), ('extend', '--task-name'): ('a/b', '', 'a\nb')}
    for (command, flag), values in choices.items():
        yield command, flag, (*good[command], flag)
        for value in values:
            yield command, f'{flag} {value[:40]!r}', (*good[command], flag, value)
    for tasks in (('x', ), ('', ), ('depth', 'x'), ('Depth', )):
        yield 'export', f'--tasks {tasks}', (*good['export'], '--tasks', *tasks)
    for kind in ('safetensors', 'mmseg'):
        yield 'export', f'--preprocess of {kind}', (run, '--out', 'out', '--format', kind, '--preprocess')
    yield 'export', 'no segmentation', (run, '--out', 'out', '--format', 'mmseg', '--tasks', 'depth')
    yield 'export', 'no --out', (run, )
    yield 'gradients', '--at start of the first phase', (*good['gradients'], '--phase', '1', '--at', 'start')
    for path in (*_BAD_PATHS, config):
        yield 'demo', f'{path[:40]!r} beside a run', (run, path, '--port', '7861')
        yield 'report', f'{path[:40]!r} beside a run', (run, path, '--out', 'out')
        yield 'compare', f'{path[:40]!r} beside a run', (run, path, '--reference', other)
        yield 'check-dataset', f'--manifest {path[:40]!r}', (*good['check-dataset'], '--manifest', path)
        for out in ('out.safetensors', 'out', ''):
            yield 'convert', f'mobilenet-v2 {path[:40]!r} {out!r}', ('mobilenet-v2', path, out)
    yield 'convert', 'mobilenet-v2 of other weights', (
        'mobilenet-v2', f'{run}/phase3_normal/phase.safetensors', 'out.safetensors')
    for path in ('/no/such', other, ''):
        yield 'report', f'--reference {path[-7:]!r}', (*good['report'], '--reference', path)
    for names in (('x', ), ('=', ), ('a=', ), ('=b', ), ('a=/no/such', ), (f'\x1b[2J={run}', ), (f'a\nb={run}', )):
        yield 'report', f'--name {names[0].replace(run, "run")!r}', (*good['report'], '--name', *names)


def _matters(command: str, option: str) -> bool:
    """Say whether a command looks at what an option changes: counting parameters needs neither data nor method."""
    of = {'check-dataset': ('phases', 'tasks', 'train_dataloader', 'val_dataloader', 'custom_imports'),
          'test': ('val_dataloader', 'phases', 'tasks'), 'model-size': ('phases', 'tasks', 'model'),
          'gradients': ('phases', 'tasks', 'method', 'train_dataloader')}.get(command)
    if of is not None:
        key = option.split('=')[0].split('.')[0]
        return '=' not in option or not key or (key in of and 'batch' not in option and 'workers' not in option
                                                and not (command == 'test' and option == 'phases=[]'))
    return True
