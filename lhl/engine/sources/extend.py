"""Grows a trained model: from a finished run and a short config of new tasks to an ordinary stream, a pure function.

The first phases of that stream are the donor's. They say who trained them (``trained_by``) and on what their tasks are
scored; how they were trained is no part of the stream, and their training data is never opened. ``starts_from``, the
hash of the weights, makes two extensions of different weights different runs.
"""
import copy
import json
from collections.abc import Iterable, Mapping

from mmengine.config import Config
from mmengine.logging import print_log

from lhl.engine.plan.runner_config import (
    in_order,
    is_same_backbone,
    num_given_phases,
    phase_backbones,
    phase_tasks,
    scored_tasks,
)
from lhl.errors import ConfigError, DataError, suggest
from lhl.registry import DATASETS

from .run import Donor

#: Sections of the new config that are combined with what the donor has; the others are taken as they are.
_COMBINED = ('model', 'tasks', 'phases', 'old_val_dataloader')


def extended_config(donor: Donor, cfg: Config, seed: int | None = None, without_old_data: bool = False) -> Config:
    """Derive the config of the stream that goes on where a donor ended.

    Args:
        donor: What to extend.
        cfg: The config of the new phases: like any other, but its ``model`` holds no more than the new heads.
            ``old_val_dataloader`` says, for single old tasks, what they are scored on instead: options that differ, or
            None.
        seed: Of the new phases. Default: the donor's, or else the config's.
        without_old_data: Score no old task.

    Returns:
        A config for :func:`lhl.engine.train_stream`. ``cfg`` is left as it is.

    Raises:
        ConfigError: If a new task has the name of an old one, or the config does not fit the donor.
    """
    cfg = in_order(cfg)
    new = cfg.to_dict()
    for key in ('tasks', 'phases', 'val_dataloader'):
        if key not in new:
            raise ConfigError(f'the config has no {key!r}; say which tasks are new, and on what they are scored')
    names = [name for entry in new['phases'] for name in phase_tasks(entry)]
    for name in names:
        if name in donor.tasks:
            raise ConfigError(f'phases names the task {name!r}, which {donor.source} has learned already (it has '
                              f'{", ".join(donor.tasks)}); give the new task another name')
    stream = {key: value for key, value in new.items() if key not in _COMBINED}
    stream['tasks'] = {**donor.tasks, **{name: task for name, task in new['tasks'].items() if name in names}}
    stream['phases'] = [*_given_entries(donor, new, without_old_data), *new['phases']]
    heads = _heads(names, stream['tasks'])
    stream['model'] = _extended_model(donor, new.get('model') or {}, [
        head for head in heads if head not in _heads(donor.tasks, donor.tasks)])
    stream['starts_from'] = donor.starts_from
    chosen = seed if seed is not None else donor.seed
    if chosen is not None:
        stream['randomness'] = {**(new.get('randomness') or {}), 'seed': chosen}
    return Config(stream, filename=cfg.filename)


def check_old_data(cfg: Config) -> None:
    """Make sure that the validation data of the old tasks is there, and say which of them are not scored.

    Args:
        cfg: From :func:`extended_config`.

    Raises:
        DataError: If a data set cannot be opened.
    """
    old = [name for entry in cfg.to_dict()['phases'][:num_given_phases(cfg)] for name in phase_tasks(entry)]
    left = list(old)
    for loader, names in scored_tasks(cfg, old):
        try:
            DATASETS.build({**loader['dataset'], 'tasks': {name: cfg.tasks[name].to_dict() for name in names}})
        except DataError as error:
            raise DataError(f'the validation data of {", ".join(names)} is not there ({error}); say where it is now '
                            f'with --cfg-options old_val_dataloader.{names[0]}.dataset.data_root=FOLDER, or leave the '
                            f'old tasks unscored with --without-old-data') from error
        left = [name for name in left if name not in names]
    if left:
        print_log(f'{", ".join(left)} will not be scored: there is no validation data for it', logger='current')


def _given_entries(donor: Donor, new: Mapping, without_old_data: bool) -> list[dict]:
    """Write the donor's phases down as entries of ``phases``, each with the data that its tasks are scored on."""
    overrides = new.get('old_val_dataloader') or {}
    for name in overrides:
        if name not in donor.tasks:
            raise ConfigError(f'old_val_dataloader names the unknown task {name!r}; {suggest(name, donor.tasks)}')
    entries = []
    for number, phase in enumerate(donor.phases, 1):
        loaders = {name: _merged(loader or new['val_dataloader'], overrides[name]) if name in overrides else loader
                   for name, loader in phase.val_dataloaders.items()}
        loader, *others = [None] if without_old_data else loaders.values()
        if any(other != loader for other in others):
            raise ConfigError(f'{donor.source}: {", ".join(loaders)} of phase {number} are scored on different data, '
                              f'which one phase cannot; give all of them the same old_val_dataloader, leave them '
                              f'unscored with --without-old-data, or extend the folder of the run')
        entries.append({**copy.deepcopy(phase.entry),
                        'val_dataloader': loader and {'_delete_': True, **copy.deepcopy(loader)}})
    return entries


def _merged(loader: Mapping, changes: Mapping | None) -> dict | None:
    """Change some options of a data loader."""
    if changes is None:
        return None
    merged = Config(dict(loader=copy.deepcopy(dict(loader))))
    merged.merge_from_dict(dict(loader=copy.deepcopy(dict(changes))))
    return merged.loader.to_dict()


def _heads(names: Iterable[str], tasks: Mapping[str, Mapping]) -> list[str]:
    """Name the heads of some tasks, each once: their own, unless they share one."""
    return list(dict.fromkeys(tasks.get(name, {}).get('head') or name for name in names))


def _extended_model(donor: Donor, new: Mapping, names: list[str]) -> dict:
    """Give the learner the named new heads: the config's ``heads``, or else its ``head``, or else like the run's."""
    model = copy.deepcopy(donor.model)
    backbone = phase_backbones(Config(dict(model=model, phases=[phase.entry for phase in donor.phases])))[-1]
    for key, value in new.items():
        is_same = key in ('head', 'heads') or (
            is_same_backbone(value, backbone) if key == 'backbone' else _text(value) == _text(model.get(key)))
        if not is_same:
            raise ConfigError(f'model.{key} is another one than that of {donor.source}, which is extended as it is; '
                              f'leave it away' + (', or give a phase a backbone of its own' * (key == 'backbone')))
    own = new.get('heads') or {}
    for name in own:
        if name not in names:
            raise ConfigError(f'model.heads names {name!r}, which is no new task; {suggest(name, names)}')
    shared = new.get('head')
    if 'head' not in model:
        if shared is None:
            raise ConfigError(f'{donor.source} has no head for new tasks; give one with '
                              f"model=dict(head=dict(type='ASPPHead', in_channels=None))")
        model['head'] = copy.deepcopy(shared)
    if shared is not None and _text(shared) != _text(model['head']):
        own = {**dict.fromkeys(names, shared), **own}
    if own:
        model['heads'] = {**(model.get('heads') or {}), **copy.deepcopy(dict(own))}
    return model


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)  # a stored config has lists for tuples
