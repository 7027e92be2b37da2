"""Ends a runner: the next phase begins without what this one held."""
import contextlib
import gc
import logging
import weakref
from collections.abc import Callable, Iterator
from typing import TypeVar

from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmengine.runner import BaseLoop, Runner
from mmengine.visualization import Visualizer

AnyRunner = TypeVar('AnyRunner', bound=Runner)


@contextlib.contextmanager
def released(name: str, build: Callable[[], AnyRunner]) -> Iterator[AnyRunner]:
    """Build a runner, and end it with the block: the workers of its loaders, its log file, and all that it holds.

    mmengine keeps loggers, message hubs, visualizers and scopes for ever under the name of their experiment, and runner
    and loops refer to each other: models, optimizers and data would stay until the garbage collector comes. It is
    called only where something else is left, such as the trace of an import that failed.

    Args:
        name: How the name of its experiment begins, which no other one's does.
        build: Builds it.
    """
    runner = None
    try:
        runner = build()
        yield runner
    finally:
        visualizers = Visualizer if runner is None else type(runner.visualizer)
        for logger in _forgotten(MMLogger, name):
            _close_log(logger)
        for visualizer in _forgotten(visualizers, name):
            visualizer.close()
        for owner in (MessageHub, DefaultScope):
            _forgotten(owner, name)
        if runner is not None:
            _end_workers(runner)
            model = weakref.ref(runner.model)
            vars(runner).clear()
            if model() is not None:
                gc.collect()


def _forgotten(owner: type, name: str) -> list:
    """Take what was kept under the names of an experiment from one of mmengine's registries."""
    kept = owner._instance_dict  # type: ignore[attr-defined]
    return [kept.pop(key) for key in list(kept) if key.startswith(name)]


def _end_workers(runner: Runner) -> None:
    """End the data loaders' persistent workers, and give the room of decoded images back.

    Left to the garbage collector, which may destroy the queue that tells a worker to stop before the worker, each would
    be waited for in vain for 5 seconds.
    """
    for loop in (runner._train_loop, runner._val_loop, *getattr(runner._val_loop, 'others', ())):
        if isinstance(loop, BaseLoop):
            loop.dataloader._iterator = loop.dataloader.dataset.cache = None


def _close_log(logger: MMLogger) -> None:
    for handler in logger.handlers:
        with contextlib.suppress(OSError):  # what is not on a full disk yet
            handler.close()
    logger.handlers = [logging.NullHandler()]
