"""Learns streams in processes that may be killed at a chosen event, for the crash test."""
import contextlib
import json
import mmap
import os
import select
import shutil
import signal
import socket
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PLACES = ('start', 'between phases', 'begin_phase', 'training', 'validation', 'end_phase', 'write')
#: How long a run may take, in seconds, on however busy a machine; it takes a few of the processor.
PATIENCE = 3600


class Setting(NamedTuple):
    """How a method is also learned than by its shipped config.

    Attributes:
        config: The name of the config.
        options: What is changed in it.
        processes: How many learn it.
    """
    config: str
    options: dict[str, Any]
    processes: int = 1


_WORKERS = dict(num_workers=2, persistent_workers=True)
#: Random transforms, and targets that are made of the images.
_HIDDEN = [dict(type='RandomMask', block=12, share=0.3), dict(type='PackSample')]
_COLOURS = dict(dataset=dict(folders=dict(colour='image'), pipeline=_HIDDEN))
SETTINGS: dict[str, Setting] = {
    'combined': Setting('vanilla', dict(method=dict(_delete_=True, type='Combined', methods=[
        dict(type='EWC', penalty=1.0), dict(type='DERpp', weight=0.5, label_weight=0.5, memory_size=4)]))),
    'pretext': Setting('vanilla', dict(
        tasks=dict(_delete_=True, colour=dict(type='ImageReconstruction')), phases=[dict(task='colour')],
        train_dataloader=_COLOURS, val_dataloader=_COLOURS)),
    'stopped_early': Setting('had', {  # after the second of four epochs in each phase
        'train_cfg': dict(max_epochs=4, val_interval=1), **{
            f'phases.{number}.early_stopping': dict(metric=metric, patience=1, min_delta=1000.0)
            for number, metric in enumerate(('segmentation/mIoU', 'depth/AbsErr', 'normal/mean'))}}),
    'had_with_workers': Setting('had', dict(train_dataloader=_WORKERS, val_dataloader=_WORKERS)),
    'had_by_two_processes': Setting('had', {}, 2),
}
#: Variants of a shipped config that are learned, too: their loss or their networks are others.
ALSO = ('had_literal', 'rcd_growing')


class Moments:
    """Knows at which place a process is, counts the events there, and kills it at one of them."""

    def __init__(self) -> None:
        self.place = mmap.mmap(-1, 1)  # seen by the parent, too
        self.counts: Counter[str] = Counter()
        self.target: tuple[str, int] | None = None
        self.is_counting = False

    @contextlib.contextmanager
    def at(self, place: str) -> Iterator[None]:
        """Be at a place, inside another one."""
        before = self.place[0]
        self._go(PLACES.index(place))
        try:
            yield
        finally:
            self._go(before)

    def _go(self, number: int) -> None:
        sys.setprofile(None)
        self.place[0] = number
        if self.is_counting or (self.target is not None and self.target[0] == PLACES[number]):
            sys.setprofile(self._event)

    def _event(self, *_: object) -> None:
        place = PLACES[self.place[0]]
        self.counts[place] += 1
        if self.target == (place, self.counts[place]):
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, owner: Any, name: str, place: str) -> None:
        """Let a function be a place."""
        original = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            with self.at(place):
                return original(*args, **kwargs)
        setattr(owner, name, watched)

    def watch_writes(self, modules: Sequence[Any]) -> None:
        """Let the writing of a file be a place, wherever these modules do it."""
        original = modules[0].atomic_write

        @contextlib.contextmanager
        def atomic_write(path: Path) -> Iterator[Any]:
            with self.at('write'), original(path) as file:
                yield file
        for module in modules:
            module.atomic_write = atomic_write


class Ending(NamedTuple):
    """How a process ended.

    Attributes:
        status: Its exit status, or minus the signal that killed it.
        place: Where it was then.
        seconds: How long it used the processor.
    """
    status: int
    place: str
    seconds: float


class Laboratory:
    """Learns streams in processes that may be killed; they are forked from this one, which has imported everything."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs, self.moments = folder, folder / 'runs', Moments()
        self.runs.mkdir(parents=True, exist_ok=True)

    def prepare(self) -> None:
        """Import everything, once for all runs, and write the data."""
        sys.path[:0] = [str(ROOT / 'tests'), str(ROOT)]
        import mmengine.runner.runner
        import torch
        from integration import test_every_method
        from test_engine.tiny_stream import write_data

        import lhl.engine.run
        import lhl.engine.runtime.learner_runner
        import lhl.evaluation.results
        import lhl.methods.student
        import lhl.weight_files
        from lhl.engine.runtime.hooks import ContinualPhaseHook
        from lhl.engine.runtime.runner import PhaseRunner
        torch.set_num_threads(1)
        setattr(mmengine.runner.runner, 'collect_env', dict)  # noqa: B010, it takes seconds to survey the machine
        self.configs = [*test_every_method.CONFIG_FILES, *SETTINGS]
        self.variants = set(test_every_method.VARIANTS) - {*ALSO}
        self.read, self.train = test_every_method.read, lhl.engine.run.train_stream
        self.moments.watch_writes([lhl.weight_files, lhl.evaluation.results, lhl.engine.runtime.learner_runner])
        self.moments.watch(lhl.engine.run, '_train_phase', 'between phases')
        self.moments.watch(lhl.methods.student.Student, 'begin_phase', 'begin_phase')
        self.moments.watch(PhaseRunner, 'train', 'training')
        self.moments.watch(PhaseRunner, 'val', 'validation')
        self.moments.watch(ContinualPhaseHook, 'after_train', 'end_phase')
        os.register_at_fork(after_in_child=lambda: sys.setprofile(None))  # a loader's worker is no process to be killed
        if not (self.folder / 'joint').exists():
            write_data(self.folder / 'data')

    def learn(self, name: str, run: Path, act: Callable[[], None] = lambda: None, kill_after: float = 0.0,
              at_end: Callable[[], None] = lambda: None) -> Ending:
        """Learn the stream of a config, or continue it, in a process of its own.

        Args:
            name: Of the method's config.
            run: The folder.
            act: What the process does at first.
            kill_after: When it is killed, in seconds of the processor; 0 for never.
            at_end: What it does in the end.
        """
        process = os.fork()
        if not process:
            status = 1
            try:
                log = os.open(f'{run}.log', os.O_CREAT | os.O_WRONLY | os.O_APPEND)
                os.dup2(log, 1)
                os.dup2(log, 2)
                status = self._train(name, run, act, kill_after, at_end)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(status)
        handle = os.pidfd_open(process)
        if not select.select([handle], [], [], PATIENCE)[0]:
            os.kill(process, signal.SIGHUP)
        os.close(handle)
        _, status, usage = os.wait4(process, 0)
        return Ending(os.waitstatus_to_exitcode(status), PLACES[self.moments.place[0]], usage.ru_utime + usage.ru_stime)

    def _train(self, name: str, run: Path, act: Callable[[], None], kill_after: float,
               at_end: Callable[[], None]) -> int:
        from lhl.engine.runtime.orphans import PARENT, end_with_parent
        config, options, processes = SETTINGS.get(name, Setting(name, {}))
        cfg = self.read(config, self.folder / 'data', run)
        cfg.merge_from_dict(options)
        resume, other = (run / 'results.json').exists(), 0
        if processes > 1:
            with socket.socket() as probe:
                probe.bind(('127.0.0.1', 0))
                port = probe.getsockname()[1]
            os.environ.update(
                WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), **{PARENT: str(os.getpid())})
            other, cfg.launcher = os.fork(), 'pytorch'
            os.environ.update(RANK=str(int(not other)), LOCAL_RANK=str(int(not other)))
        if processes > 1 and not other:
            self.moments.place = mmap.mmap(-1, 1)
            end_with_parent()
            self.train(cfg, resume=resume)
            return 0
        act()
        signal.setitimer(signal.ITIMER_PROF, kill_after)  # unlike SIGKILL it could be handled, and is not
        with self.moments.at('start'):
            self.train(cfg, resume=resume)
        at_end()
        return os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]) if other else 0

    def undisturbed(self, name: str) -> tuple[dict[str, int], float]:
        """Learn a stream undisturbed; give the number of events at each place, and the seconds that it used."""
        run = self.runs / name
        counts = run.with_suffix('.json')

        def count() -> None:
            self.moments.is_counting = True

        def write() -> None:
            sys.setprofile(None)
            counts.write_text(json.dumps([self.moments.counts, time.process_time()]))
        if not counts.exists():
            shutil.rmtree(run, ignore_errors=True)
            ending = self.learn(name, run, count, at_end=write)
            if ending.status:
                raise SystemExit(f'the undisturbed run of {name} failed with {ending.status}; see {run}.log')
        return tuple(json.loads(counts.read_text()))

    def difference(self, name: str, run: Path) -> str:
        """Say in what a run differs from the undisturbed one; empty if in nothing."""
        from lhl.engine import read_checkpoint, weights_digest
        from lhl.evaluation import Results
        whole = self.runs / name
        ours, theirs = Results.load(run), Results.load(whole)
        if len(ours.phases) != len(theirs.phases):
            return f'{len(ours.phases)} phases instead of {len(theirs.phases)}'
        for mine, other in zip(ours.phases, theirs.phases, strict=True):
            found, expected = read_checkpoint(run / mine.checkpoint), read_checkpoint(whole / other.checkpoint)
            for part in ('state_dict', 'method'):
                if weights_digest(found[part]) != weights_digest(expected[part]):
                    return f'the {part} of phase {mine.phase}'
            if mine.weights_sha256 != other.weights_sha256 or repr(mine.metrics) != repr(other.metrics):
                return f'what is recorded of phase {mine.phase}'
        logs = r'[0-9]*_[0-9]*'
        files = [{path.relative_to(root) for path in root.rglob('*') if path.is_file() and not any(
            parent.match(logs) for parent in path.relative_to(root).parents)} for root in (run, whole)]
        return f'the files {sorted(map(str, files[0] ^ files[1]))}' if files[0] != files[1] else ''
