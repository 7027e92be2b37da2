"""mmengine's Runner for a learner: read safely, evaluated, distributed without GPUs."""
import logging
import math
import sys
from functools import partial
from pathlib import Path
from pprint import PrettyPrinter
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.model import MMDistributedDataParallel
from mmengine.runner import BaseLoop, Runner
from torch import Tensor, nn
from torch.utils.data import DataLoader

from lhl.atomic import atomic_write
from lhl.config_files import non_finite_code, with_digest
from lhl.datasets import DenseDataset, share_batches
from lhl.engine.checkpoint import load_weights
from lhl.models import Learner, without_gradient_checkpointing
from lhl.models.idle_weights import idle_weights
from lhl.registry import RUNNERS
from lhl.weight_files import read_checkpoint

from .process_group import unwrapped
from .signals import undisturbed

#: How mmengine's messages begin that belong in the file of every phase: the machine, the config, the table of hooks,
#: and the log of iterations, of which the terminal has a short form.
_FOR_THE_FILE = ('\n' + '-' * 60 + '\nSystem environment:', 'Config:\n', 'Hooks will be executed',
                 'Distributed training is not used', 'Exp name: ', 'Epoch(train)', 'Iter(train)', 'Epoch(val)',
                 'Iter(val)')


class _CodePrinter(PrettyPrinter):

    def format(self, value: Any, *args: Any) -> tuple[str, bool, bool]:
        """Write a value as code, also the numbers whose ``repr`` is a name that is not defined."""
        if isinstance(value, float) and not math.isfinite(value):
            return non_finite_code(value), True, False
        return super().format(value, *args)


class PlainConfig(Config):
    """A config whose text takes milliseconds: mmengine's takes seconds, and is asked for at every checkpoint."""

    @property
    def pretty_text(self) -> str:
        """The config as Python code that reads it back."""
        printer = _CodePrinter(width=120, sort_dicts=False)
        text = ''.join(f'{key} = {printer.pformat(value)}\n' for key, value in self.to_dict().items())
        return text.replace('{{', '{\\x7b')  # which stands in texts alone, and mmengine would replace

    def dump(self, file: str | Path) -> None:
        """Write that code with its digest, whole or not at all."""
        with atomic_write(file) as stream:
            stream.write(with_digest(self.pretty_text))


@RUNNERS.register_module()
class LearnerRunner(Runner):
    """mmengine's Runner with safe, strict loading and distribution without GPUs; enough to test a learner."""

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap for distributed training; rank 0's normalisation statistics hold for all, so a resumed run is exact."""
        options = dict(model_wrapper_cfg or {}, type='MMDistributedDataParallel')
        if self.distributed and not options.get('static_graph') and _has_idle_weights(self.learner):
            options.setdefault('find_unused_parameters', True)  # which the second iteration would wait for
        if not self.distributed or torch.cuda.is_available():
            return super().wrap_model(options, model)
        del options['type']
        return MMDistributedDataParallel(model, **options)

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Keep what nobody reads while it runs in the log file alone; a full disk is said once."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            handler.handleError = partial(_go_on_without, handler)
            if isinstance(handler, logging.FileHandler):
                handler.addFilter(lambda record: not hasattr(record, 'for_the_terminal'))
            else:
                handler.setFormatter(logging.Formatter('%(asctime)s %(levelname)s %(message)s', '%H:%M:%S'))
                handler.addFilter(lambda record: not record.getMessage().startswith(_FOR_THE_FILE))
        return logger

    @property
    def learner(self) -> Learner:
        """The model, unwrapped."""
        return unwrapped(self.model)

    def val(self) -> dict[str, float]:
        """Evaluate, and say aloud which metrics are no numbers."""
        metrics = super().val()
        for loop in (self._val_loop, *getattr(self._val_loop, 'others', ())):
            for name in getattr(loop.dataloader.dataset, 'tasks', ()):
                missing = [key.partition('/')[2] for key, value in metrics.items()
                           if key.startswith(f'{name}/') and not math.isfinite(value)]
                if missing:
                    root = getattr(loop.dataloader.dataset, 'data_root', '')
                    self.logger.warning(f'task {name}: {", ".join(missing)} is not a finite number on the validation '
                                        f'data of {root}; check its targets there, and the losses of its training')
        return metrics

    def image_sizes(self) -> dict[str, tuple[int, int] | None]:
        """Say at which size each task was scored, or trained where it was not scored; None where sizes differ."""
        loops = (self._val_loop, *getattr(self._val_loop, 'others', ()), self._train_loop)
        sizes: dict[str, tuple[int, int] | None] = {}
        for dataset in (loop.dataloader.dataset for loop in loops if isinstance(loop, BaseLoop)):
            names = [name for name in getattr(dataset, 'tasks', ()) if name not in sizes]
            if names and isinstance(dataset, DenseDataset):
                sizes |= dict.fromkeys(names, dataset.image_size())
        return sizes

    def load_checkpoint(self, filename: str, map_location: str | torch.device = 'cpu', strict: bool = True,
                        revise_keys: list | None = None) -> dict:
        """Read safely and load strictly, whatever mmengine's defaults."""
        checkpoint = read_checkpoint(filename, map_location)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        self.load_state(checkpoint['state_dict'], filename)
        self._has_loaded = True
        return checkpoint

    @staticmethod
    def build_dataloader(*args: Any, **kwargs: Any) -> DataLoader:
        """Build a loader whose workers signals to a whole run do not reach."""
        loader = Runner.build_dataloader(*args, **kwargs)
        share_batches(loader)
        loader.worker_init_fn = partial(undisturbed, loader.worker_init_fn)
        return loader

    def load_state(self, weights: dict[str, Tensor], source: str) -> None:
        """Load the weights of a checkpoint into the model."""
        load_weights(self.learner, weights, source)


def _has_idle_weights(learner: Learner) -> bool:
    """Tell whether weights that are trained get no gradient from the heads that are, such as norms of unused maps."""
    image = torch.zeros(1, 3, *learner.probe_size, device=next(learner.parameters()).device)
    is_training = learner.training
    learner.eval()  # moves no statistics and draws nothing
    with torch.enable_grad(), without_gradient_checkpointing(learner):
        outputs = learner.run_heads(learner.extract_features(image), learner.trained_tasks)
    learner.train(is_training)
    return bool(idle_weights(learner, outputs.values()))


def _go_on_without(handler: logging.Handler, record: logging.LogRecord) -> None:
    """Say once that a log cannot be written to, as on a full disk, and write no more to it."""
    error = sys.exc_info()[1]
    if not isinstance(error, OSError):
        logging.Handler.handleError(handler, record)
        return
    handler.setLevel(logging.CRITICAL + 1)
    print(f'{getattr(handler, "baseFilename", "the log")} cannot be written ({error.strerror}); the run continues '
          f'without it', file=sys.stderr)
