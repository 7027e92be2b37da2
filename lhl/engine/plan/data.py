"""Opens the data of all phases before the first one begins: whether they are there, can be read, and fill a batch."""
import logging
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.logging import print_log
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from lhl.datasets import DenseDataset
from lhl.errors import FOREIGN, ConfigError, DataError, LHLError, Problems, reason_of
from lhl.models.initial_weights import initial_weight_problems

from .mmengine_config import complete_loader, phase_model, runner_config
from .stream import PhaseSpec, Stream
from .trial import try_learner


def check_data(stream: Stream, finished: int = 0) -> list[int]:
    """Open the data that the phases train on and are scored on, and read the first and the last image of each.

    Args:
        stream: The stream.
        finished: How many phases need their training data no more.

    Returns:
        The iterations of each phase; 0 of one that needs its training data no more.

    Raises:
        DataError: If files are missing or impossible; with all that is wrong.
        ConfigError: If the options of a data set or loader are, if images do not fill a batch, or a schedule never
            acts in a phase.
    """
    iterations = [0] * len(stream.phases)
    problems = data_problems(stream, finished, iterations=iterations)
    problems.raise_all(DataError if problems.sound('options') else ConfigError)
    return iterations


def data_problems(stream: Stream, finished: int = 0, foreign: bool = True,
                  iterations: list[int] | None = None) -> Problems:
    """Find what :func:`check_data` refuses.

    Args:
        stream: The stream.
        finished: How many phases need their training data no more.
        foreign: Whether errors of other packages count; they may be the consequence of an option known to be wrong.
        iterations: Gets the iterations of each phase whose data are opened.
    """
    problems = Problems()
    trained: set[Path] = set()
    tasks, seed = stream.task_configs, stream.cfg.randomness.seed
    with DefaultScope.overwrite_default_scope('lhl'):
        for phase in stream.phases[max(finished, stream.num_given):]:
            cfg, where = runner_config(stream, phase.index), _place(phase, stream.cfg, 'train_dataloader')
            if foreign:
                own = cfg.model.backbone.to_dict() != stream.cfg.model.backbone.to_dict()
                place = f'phases[{phase.index - 1}].backbone' if own else 'model.backbone'
                problems.add(*initial_weight_problems(cfg.model.backbone, place), at='options')
            loader = _opened(cfg.train_dataloader, seed, where, problems, foreign)
            if loader is not None:
                trained |= _images(loader)
                problems.add(*_batch_problems(stream, phase, loader, where), at='options')
                if len(loader):
                    if iterations is not None:
                        epochs = phase.train_cfg.get('max_epochs')
                        iterations[phase.index - 1] = epochs * len(loader) if epochs else phase.train_cfg['max_iters']
                    problems.add(*_schedule_problems(phase, len(loader), _place(phase, stream.cfg, 'param_scheduler')),
                                 at='options')
        for config, names in stream.scored_tasks(
                name for phase in stream.phases[stream.num_given:] for name in phase.new_tasks):
            filled = Config(config)
            filled.dataset.tasks = {name: tasks[name] for name in names}
            complete_loader(filled)
            phase = next(phase for phase in stream.phases if names[0] in phase.new_tasks)
            where = _place(phase, stream.cfg, 'val_dataloader')
            loader = _opened(filled, seed, where, problems, foreign)
            if loader is not None:
                _warn_of_known_images(trained, _images(loader), where)
    return problems


def _images(loader: DataLoader) -> set[Path]:
    """Name the images that a loader delivers; none of a data set that does not say."""
    dataset = loader.dataset
    if not isinstance(dataset, DenseDataset):
        return set()
    return {dataset.path(dataset.samples[index]) for index in dataset.indices}


def _warn_of_known_images(trained: set[Path], scored: set[Path], where: str) -> None:
    """Say aloud that images which phases train on are scored, too."""
    known = trained & scored
    if known:
        print_log(f'{where}: {len(known)} of the {len(scored)} images are trained on, too, such as '
                  f'{str(min(known))!r}, so the metrics measure what was learned by heart; give the loaders splits '
                  f'without common images, of a FolderDataset the same splits and split_seed', logger='current',
                  level=logging.WARNING)


def _place(phase: PhaseSpec, cfg: Config, section: str) -> str:
    """Say where a section of a phase stands."""
    own = getattr(phase, section) != cfg.to_dict().get(section)
    return f'phases[{phase.index - 1}].{section}' if own else section


def _opened(config: Config, seed: int, where: str, problems: Problems, foreign: bool) -> DataLoader | None:
    """Build a loader as a Runner does, and read the first and the last image; None where that is impossible."""
    try:
        loader = Runner.build_dataloader(config, seed=seed)
        length = len(loader.dataset)
        if not length:
            raise DataError('the data set holds no image; check data_root and split')
        loader.collate_fn([loader.dataset[position] for position in sorted({0, length - 1})])
        return loader
    except LHLError as error:
        problems.add(*(f'{where}: {problem}' for problem in error.problems),
                     at='data' if isinstance(error, DataError) else 'options')
    except FOREIGN as error:
        if foreign:
            problems.add(f'{where} cannot be read ({reason_of(error)}); correct its options, or the files that it '
                         f'reads', at='options')
    return None


def _batch_problems(stream: Stream, phase: PhaseSpec, loader: DataLoader, where: str) -> Iterator[str]:
    """Say whether the images of a phase are enough for a batch, and for what the method stores."""
    images = len(loader.dataset)  # type: ignore[arg-type]  # a Dataset of torch need not be sized
    if not len(loader):
        yield (f'the {images} images of phase {phase.index} do not fill a batch of {loader.batch_size} per process; '
               f'lower {where}.batch_size')
        return
    stored = phase.requires.stored_images
    if stored > images:
        yield (f'{phase.method["type"]} is configured to store {stored} images, but phase {phase.index} trains on '
               f'{images}; lower method.memory_size')
    size: int = loader.batch_size or 0  # a sampler of batches has its own
    share = math.ceil(images / get_world_size())
    if size and (size if loader.drop_last else share % size or size) == 1:
        try:
            try_learner(phase_model(stream, phase), batch_size=1)
        except FOREIGN as error:
            yield (f'a batch of phase {phase.index} holds a single image, with which the model cannot be trained '
                   f'({reason_of(error)}); change {where}.batch_size, or set {where}.drop_last=True')


def _schedule_problems(phase: PhaseSpec, batches: int, where: str) -> Iterator[str]:
    """Say which schedules never act in a phase; one that does not come to its end is only mentioned."""
    loop: Mapping = phase.train_cfg
    epochs = loop.get('max_epochs')
    lengths = dict(epochs=epochs, iterations=loop['max_iters'] if epochs is None else epochs * batches)
    schedules: Any = phase.param_scheduler or []
    for schedule in [schedules] if isinstance(schedules, Mapping) else schedules:
        name = schedule['type']
        unit = 'epochs' if schedule.get('by_epoch', name != 'LinearWarmupDecayLR') else 'iterations'
        length, begins = lengths[unit], [schedule.get('begin', 0), *sorted(schedule.get('milestones', ()))[:1]]
        if length is None:
            yield (f'{where}: {name} counts epochs, but phase {phase.index} is {loop["max_iters"]} iterations long; '
                   f'set by_epoch=False')
        elif max(begins) >= length:
            yield (f'{where}: {name} acts from {unit.removesuffix("s")} {max(begins)} on, but phase {phase.index} has '
                   f'{length} {unit}; lower it, or train longer')
        elif schedule.get('end', length) > length:
            print_log(f'{where}: {name} ends after {schedule["end"]} {unit}, and phase {phase.index} after {length}: '
                      f'it does not come to its end', logger='current', level=logging.WARNING)
