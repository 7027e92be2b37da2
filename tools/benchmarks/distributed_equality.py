"""Do 2 and 4 processes learn, with every method, what one process learns with the same global batch?

The shipped tiny configs learn a few random images, some without any label, with plain SGD and without augmentation,
dropout and statistics of batches. Compared are the weights and all that the method keeps, at the end of every phase;
and again after a signal to one process has ended the last phase within an epoch and the run was resumed. All processes
are forked from this one and learn all streams one after the other, over gloo.

They train in float64, unless told otherwise, so that a difference is one of what is computed: in float32 some methods
enlarge rounding without bound, such as the literal HAD, whose geometric mean weighs a pixel by the inverse of its loss.
"""
import io
import json
import math
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import zip_longest
from pathlib import Path
from unittest import mock

import numpy as np
import torch
import torch._dynamo  # as matplotlib, imported once and not in every process
from matplotlib import pyplot  # noqa: F401
from mmengine.config import Config
from mmengine.dist import barrier
from torch import Tensor
from torch.multiprocessing import start_processes

from lhl.engine import read_checkpoint, train_stream
from lhl.engine.checkpoint import training_checkpoints
from lhl.engine.runtime.hooks import ContinualPhaseHook
from lhl.errors import Interruption
from lhl.evaluation import Results
from lhl.registry import METHODS

CONFIGS = Path(__file__).parents[2] / 'configs'
GLOBAL_BATCH, REPLAY_BATCH, PER_PHASE, SIZE = 4, 8, 10, (32, 48)
LIMIT = 1e-5
_ROOMS = '_tiny_synthrooms'


def combined(*methods: dict) -> dict:
    """Options that put several methods in a config's place."""
    return dict(method=dict(_delete_=True, type='Combined', methods=list(methods)))


_EWC, _GPM = dict(type='EWC', penalty=10.0), dict(type='GPM', threshold=0.9)
_DERPP = dict(type='DERpp', weight=0.5, label_weight=0.5)
_ICARL = dict(type='ICaRL', weight=1.0)
_LWP = dict(type='LwP', alpha=1.0, distance_weight=1.0, group_threshold=0.9)
_HCL = dict(type='HCL', weight=1.0, inversion=dict(type='QuickDeepInversion'))
#: The shipped configs by their names, and others made of them: the config's path and the options that change it.
STREAMS: dict[str, tuple[Path, dict]] = {
    path.stem.removesuffix(_ROOMS): (path, {}) for path in sorted(CONFIGS.glob(f'[!_]*/*{_ROOMS}.py'))
} | {
    path.stem.replace('_split_synth_objects', ' (classes)'): (path, {})
    for path in sorted(CONFIGS.glob('[!_]*/*_split_synth_objects.py'))
} | {
    name: (CONFIGS / file, options) for name, file, options in (
        ('joint, learned weights', f'joint/joint{_ROOMS}.py', dict(method=dict(task_weights='learned'))),
        ('had, accumulated', f'had/had{_ROOMS}.py', dict(optim_wrapper=dict(accumulative_counts=2))),
        ('derpp, accumulated', f'der/derpp{_ROOMS}.py', dict(optim_wrapper=dict(accumulative_counts=2))),
        ('sgp, gradient', f'sgp/sgp{_ROOMS}.py', dict(method=dict(edit='gradient'))),
        ('ewc + derpp', f'vanilla/vanilla{_ROOMS}.py', combined(_EWC, _DERPP)),
        ('gpm + hcl', f'vanilla/vanilla{_ROOMS}.py', combined(_GPM, _HCL)),
        ('gpm + hcl + derpp + lwp', f'vanilla/vanilla{_ROOMS}.py', combined(_GPM, _HCL, _DERPP, _LWP)),
        ('kdam, learned weights', f'kdam/kdam{_ROOMS}.py', dict(method=dict(task_weights='learned'))),
        ('detached + icarl', f'vanilla/vanilla{_ROOMS}.py',
         combined(dict(type='DetachedDistillation', alpha=1.0), _ICARL)),
        ('spg + lwf', f'vanilla/vanilla{_ROOMS}.py', combined(dict(type='SPG'), dict(type='LwF', weight=1.0))))
}


def read(name: str, data: Path, processes: int) -> Config:
    """Read the config of a stream, for a number of processes."""
    path, options = STREAMS[name]
    cfg = Config.fromfile(path)
    # An unchanged student without statistics of batches is from its teacher in hard labels alone, and RCD refuses 0.
    cfg.phases = cfg.phases[:2 if cfg.method.type == 'RCD' else 3]
    if cfg.method.type == 'RCD':
        cfg.method.distance.pop('temperature', None)
    for phase in cfg.phases:
        phase.pop('train_cfg', None)
        phase.pop('method', None)
        if phase.get('backbone', {}).get('type') == 'SwinTransformer':
            phase.backbone.update(drop_path_rate=0.0)
    cfg.merge_from_dict(options)
    if path.stem.endswith(_ROOMS):
        cfg.model.backbone.update(stem_channels=8, base_channels=8)
        cfg.model.head.update(in_channels=64, channels=8)
    cfg.model.norm_eval = True
    cfg.model.head.update(dropout=0)
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
        loader.dataset.pipeline = [dict(type='PackSample')]
        if loader.dataset.type == 'SynthObjects':
            loader.dataset.images_per_class = PER_PHASE // 2
        else:
            loader.dataset.data_root = str(data)
    counts = cfg.optim_wrapper.get('accumulative_counts', 1)
    cfg.train_dataloader.batch_size = GLOBAL_BATCH // processes
    cfg.val_dataloader.batch_size = 2
    cfg.optim_wrapper.optimizer = dict(type='SGD', lr=0.01, momentum=0.9)
    cfg.train_cfg.max_epochs = 2 * counts
    cfg.default_hooks.checkpoint.interval = 1
    cfg.merge_from_dict(dict(log_level='ERROR'))
    for method in cfg.method.get('methods', [cfg.method]):
        _shrink(method, processes)
    if cfg.method.get('teacher'):
        cfg.method.teacher = str(data.parent / '1' / 'joint_wide')
    return cfg


def _shrink(method: Config, processes: int) -> None:
    """Give a method small memories, and each process its share of what is drawn in an iteration."""
    built = METHODS.build({**method.to_dict(), **(dict(teacher='none') if method.get('teacher') else {})})
    if built.requires.stored_images:
        method.update(memory_size=PER_PHASE - 4, replay_batch_size=REPLAY_BATCH // processes)
    if method.get('inversion'):
        method.inversion.update(steps=2, warmup_steps=1, chunk_size=4)
        if method.get('inverted_batch_size', 0) is not None:
            method.inverted_batch_size = REPLAY_BATCH // processes
    if method.type == 'LwP':
        method.update(num_positions=8, distance_weight=100.0)
    if method.type == 'TwoStageDistillation':
        method.optimizer = dict(type='SGD', lr=0.01, momentum=0.9)


def write_data(root: Path) -> None:
    """Write random images in NYUv2's layout: every third without a label, every fourth with few valid pixels."""
    rng = np.random.default_rng(0)
    for split, count in (('train', 3 * PER_PHASE), ('val', 4)):
        for index in range(count):
            known = np.zeros(SIZE, bool) if index % 3 == 1 else rng.random(SIZE) < (0.1 if index % 4 == 3 else 0.9)
            normal = rng.normal(size=(*SIZE, 3))
            arrays = dict(
                image=rng.random((*SIZE, 3)), label=np.where(known, rng.integers(0, 13, SIZE), -1.0),
                depth=np.where(known, rng.uniform(0.5, 9, SIZE), 0)[..., None],
                normal=np.where(known[..., None], normal / np.linalg.norm(normal, axis=2, keepdims=True), 0))
            for folder, array in arrays.items():
                path = root / split / folder / f'{index}.npy'
                path.parent.mkdir(parents=True, exist_ok=True)
                np.save(path, array.astype(np.float32))


def in_float64() -> None:
    """Let everything that is trained in this process be float64, in which rounding has no room to grow."""
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double


def learn(rank: int, processes: int, port: int, root: Path, names: list[str], resumed: bool, precise: bool) -> None:
    """Learn the streams in one of the processes; with ``resumed`` the last phase again, with an interruption."""
    sys.stdout = io.StringIO()  # some backbones print
    torch.set_num_threads(1)
    torch.backends.mkldnn.set_flags(False)  # oneDNN's convolutions round differently for another number of images
    if precise:
        in_float64()
    if processes > 1:
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank))
        torch.distributed.init_process_group('gloo', f'tcp://127.0.0.1:{port}', timedelta(minutes=5), processes, rank)
    for name in names:
        cfg = read(name, root / 'data', processes)
        cfg.launcher = 'pytorch' if processes > 1 else 'none'
        cfg.work_dir = str(root / str(processes) / name)
        train_stream(cfg)
        if resumed:
            again = root / str(processes) / f'{name}, resumed'
            if rank == 0:
                copy_beginning(Path(cfg.work_dir), again)
            barrier()
            cfg.work_dir = str(again)
            with told_to_stop(len(cfg.phases), 2, processes - 1):
                train_stream(cfg, resume=len(cfg.phases) > 1)
            train_stream(cfg, resume=True)
    if processes > 1:
        torch.distributed.destroy_process_group()


def copy_beginning(run: Path, folder: Path) -> None:
    """Copy a run as it was before its last phase; one of a single phase has not begun."""
    results = Results.load(run)
    last = results.phases.pop()
    if results.phases:
        shutil.copytree(run, folder)
        shutil.rmtree((folder / last.checkpoint).parent)
        results.save(folder)


@contextmanager
def told_to_stop(phase: int, iteration: int, rank: int) -> Iterator[None]:
    """Send one process SIGTERM before an iteration, and expect that all end."""
    begin_iteration = ContinualPhaseHook.before_train_iter

    def signalled(hook: ContinualPhaseHook, runner, *args, **kwargs) -> None:
        if (runner.phase.index, runner.iter, runner.rank) == (phase, iteration, rank):
            os.kill(os.getpid(), signal.SIGTERM)
        begin_iteration(hook, runner, *args, **kwargs)

    ContinualPhaseHook.before_train_iter = signalled
    try:
        yield
    except Interruption:
        return
    finally:
        ContinualPhaseHook.before_train_iter = begin_iteration
    raise AssertionError('the run was not interrupted')


def tensors_of(run: Path) -> Iterator[tuple[str, Tensor]]:
    """Give all that a run has on the disk at the end of each phase, by phase, kind and name."""
    for phase in Results.load(run).phases:
        ended = read_checkpoint(run / phase.checkpoint)
        training = read_checkpoint(training_checkpoints((run / phase.checkpoint).parent)[0])
        for kind, tensors in (('weights', ended['state_dict']), ('weights', training['state_dict']),
                              ('state', ended['method']), ('state', training['method'])):
            yield from ((f'{phase.phase} {kind} {name}', tensor) for name, tensor in _comparable(tensors))


def _comparable(tensors: Mapping[str, Tensor]) -> Iterable[tuple[str, Tensor]]:
    """Put the projection that a basis of directions stands for in its place: the basis itself is not unique."""
    for name, tensor in tensors.items():
        if name.endswith('.basis'):
            tensor = tensor * tensors[f'{name.removesuffix("basis")}importance'] @ tensor.T
        elif name.endswith('.importance'):
            continue
        yield name, tensor.double()


def differences(run: Path, reference: Path) -> dict[str, tuple[float, str]]:
    """Find where two runs differ most: in weights, absolutely; in what a method keeps, relative to its largest value.

    Returns:
        By kind, the largest difference and what it is of.
    """
    worst: dict[str, tuple[float, str]] = {}
    for ours, theirs in zip_longest(tensors_of(run), tensors_of(reference), fillvalue=('nothing', torch.zeros(()))):
        name, kind = ours[0], ours[0].split()[1:2] or ['state']
        worst[kind[0]] = max(worst.get(kind[0], (0.0, '')), (_difference(ours, theirs, kind == ['weights']), name))
    return worst


def _difference(ours: tuple[str, Tensor], theirs: tuple[str, Tensor], absolute: bool) -> float:
    (name, found), (expected_name, expected) = ours, theirs
    if name != expected_name or found.shape != expected.shape:
        return math.inf
    if not found.numel():
        return 0.0
    scale = 1.0 if absolute else max(expected.abs().max().item(), 1e-12)
    return (found - expected).abs().max().item() / scale


def free_port() -> int:
    """Find a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def without_ceremony() -> None:
    """Spare every phase seconds of mmengine's: its survey of the machine's compilers, and its typesetting."""
    os.environ.update(OMP_NUM_THREADS='1', MKL_NUM_THREADS='1')  # or mmengine warns of setting them
    mock.patch('mmengine.runner.runner.collect_env', dict).start()
    mock.patch('yapf.yapflib.yapf_api.FormatCode', lambda text, **_: (text, True)).start()


def compare(names: list[str], counts: list[int], resumed: bool, precise: bool, root: Path,
            say: Callable[[str], None]) -> dict:
    """Learn streams with one process and with several, and compare.

    Args:
        names: Of :data:`STREAMS`.
        counts: Numbers of processes.
        resumed: Whether to interrupt and resume each run of several processes, too.
        precise: Whether to train in float64.
        root: An empty folder.
        say: Gets what was done.

    Returns:
        By stream, by column such as ``'2'`` and ``'2, resumed'``, by kind the largest difference and what it is of.
    """
    without_ceremony()
    write_data(root / 'data')
    needed = list(names)
    if any(Config.fromfile(STREAMS[name][0]).method.get('teacher') for name in names):
        needed = ['joint_wide', *(name for name in names if name != 'joint_wide')]
    for processes in (1, *counts):
        begun = time.perf_counter()
        learned = needed if processes == 1 else names
        start_processes(learn, (processes, free_port(), root, learned, resumed and processes > 1, precise), processes,
                        start_method='fork')
        say(f'{processes} processes: {len(learned)} streams in {time.perf_counter() - begun:.0f} s')
    return {name: {f'{count}{suffix}': differences(root / str(count) / f'{name}{suffix}', root / '1' / name)
                   for count in counts for suffix in ('', ', resumed')[:1 + resumed]} for name in names}


def table(found: dict) -> str:
    """Write the differences as a Markdown table, the largest of each stream and column."""
    columns = list(next(iter(found.values())))
    lines = ['| method | ' + ' | '.join(columns) + ' | largest in |', '|' + '---|' * (len(columns) + 2)]
    for name, by_column in found.items():
        largest = {column: max(kinds.values()) for column, kinds in by_column.items()}
        cells = [f'{value:.1e}' for value, _ in largest.values()]
        lines.append(f'| {name} | ' + ' | '.join(cells) + f' | {max(largest.values())[1]} |')
    return '\n'.join(lines)


def main() -> None:
    """Compare, print, and exit with 1 where a difference is above the limit."""
    from lhl.commands.options import Parser
    parser = Parser(description=__doc__)
    parser.add_argument('--streams', nargs='+', choices=STREAMS, default=list(STREAMS), metavar='NAME',
                        help='which streams (default: all)')
    parser.add_argument('--processes', nargs='+', type=int, default=[2, 4], choices=[2, 4], help='(default: 2 4)')
    parser.add_argument('--no-resume', action='store_true', help='leave out the interrupted runs')
    parser.add_argument('--float32', action='store_true', help='train in float32, where rounding may grow')
    parser.add_argument('--out', type=Path, help='a JSON file for all differences')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        found = compare(args.streams, args.processes, not args.no_resume, not args.float32, Path(root),
                        lambda text: print(text, file=sys.stderr))
    print(table(found))
    if args.out:
        args.out.write_text(json.dumps(found, indent=2))
    largest = max(kind for columns in found.values() for kinds in columns.values() for kind in kinds.values())
    print(f'\nThe largest difference is {largest[0]:.1e}, of {largest[1]}; at most {LIMIT:.0e} is allowed.')
    sys.exit(largest[0] > LIMIT)


if __name__ == '__main__':
    main()
