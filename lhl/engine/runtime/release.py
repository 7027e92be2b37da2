"""Ends a runner: the next phase begins without what this one held."""
import contextlib
import gc
import logging
import weakref
from collections.abc import Iterator

from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmengine.runner import BaseLoop, Runner


@contextlib.contextmanager
def released(runner: Runner) -> Iterator[None]:
    """End a runner with the block: the workers of its loaders, its log file, and all that it holds.

    mmengine keeps loggers, message hubs, visualizers and scopes for ever under the name of their experiment, and runner
    and loops refer to each other: models, optimizers and data would stay until the garbage collector comes. It is
    called only where something else is left, such as the trace of an import that failed.
    """
    try:
        yield
    finally:
        _end_workers(runner)
        for owner in (runner.logger, runner.message_hub, runner.visualizer):
            type(owner)._instance_dict.pop(runner.experiment_name, None)
        DefaultScope._instance_dict.pop(runner.experiment_name, None)
        runner.visualizer.close()
        _close_log(runner.logger)
        model = weakref.ref(runner.model)
        vars(runner).clear()
        if model() is not None:
            gc.collect()


def _end_workers(runner: Runner) -> None:
    """End the data loaders' persistent workers.

    Left to the garbage collector, which may destroy the queue that tells a worker to stop before the worker, each would
    be waited for in vain for 5 seconds.
    """
    for loop in (runner._train_loop, runner._val_loop, *getattr(runner._val_loop, 'others', ())):
        if isinstance(loop, BaseLoop):
            loop.dataloader._iterator = None


def _close_log(logger: MMLogger) -> None:
    for handler in logger.handlers:
        with contextlib.suppress(OSError):  # what is not on a full disk yet
            handler.close()
    logger.handlers = [logging.NullHandler()]
