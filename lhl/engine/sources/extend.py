"""Grows a trained model: from a source and a short config of new tasks to an ordinary stream.

The first phases of that stream are the source's. They say who trained them (``trained_by``) and on what their tasks
are scored; how they were trained is not part of the stream, and their training data is never opened. ``starts_from``,
the hash of the weights, makes two extensions of different weights different runs.
"""
import copy
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.logging import print_log

from lhl.engine.plan import Stream
from lhl.engine.plan.backbones import is_same_backbone, resolve_backbones
from lhl.engine.plan.entries import read_entries, tasks_of
from lhl.engine.plan.sections import drop_misshapen
from lhl.engine.plan.stream import merged
from lhl.errors import ConfigError, DataError, Problems, RunError, suggest
from lhl.evaluation import PhaseResults
from lhl.registry import DATASETS
from lhl.weight_files import write_checkpoint

from .base import Source
from .run import read_source

#: Sections of the new config that are combined with what the source has; the others are taken as they are.
_COMBINED = ('model', 'tasks', 'phases', 'old_val_dataloader')


def source_to_extend(path: str | Path) -> Source:
    """Read what a run can be extended from: a finished run, or a ``phase.safetensors``, which is its only phase.

    Args:
        path: The folder of a run, or a ``phase.safetensors``.

    Raises:
        RunError: If the run is not finished, or holds a model for each task.
        CheckpointError: If a checkpoint is missing, not the recorded one, or none of lhl.
    """
    source = read_source(path)
    if source.stream is not None and len(source.phases) < len(source.stream.phases):
        raise RunError(f'the run in {path} has finished {len(source.phases)} phases and learned {len(source.tasks)} of '
                       f'its {len(source.stream.tasks)} tasks; continue it with `resume=True`, or extend the '
                       f'phase.safetensors of one of its phases')
    for phase in source.phases[:-1]:
        phase.read()
    source.read_last()
    return source


def extended_config(source: Source, cfg: Config, seed: int | None = None, without_old_data: bool = False) -> Config:
    """Derive the config of the stream that continues where a source ended, a pure function.

    Args:
        source: What to extend.
        cfg: The config of the new phases: like any other, but its ``model`` holds no more than the new heads.
            ``old_val_dataloader`` says, for single old tasks, what they are scored on instead: options that differ, or
            None.
        seed: Of the new phases. Default: the source's, or else the config's.
        without_old_data: Score no old task.

    Returns:
        A config for :func:`lhl.engine.train_stream`. ``cfg`` is left as it is.

    Raises:
        ConfigError: If a new task has the name of an old one, or the config does not fit the source.
    """
    for key in ('tasks', 'phases', 'val_dataloader'):
        if key not in cfg:
            raise ConfigError(f'the config has no {key!r}; say which tasks are new, and on what they are scored')
    cfg, problems = copy.deepcopy(cfg), Problems()
    drop_misshapen(cfg, problems)
    problems.raise_all()
    added = read_entries(cfg, problems)
    problems.raise_all()
    names, new = [name for entry in added for name in tasks_of(entry)], cfg.to_dict()
    for name in names:
        if name in source.tasks:
            raise ConfigError(f'phases names the task {name!r}, which {source.path} has learned already (it has '
                              f'{", ".join(source.tasks)}); give the new task another name')
    stream = {key: value for key, value in new.items() if key not in _COMBINED}
    stream['tasks'] = {**source.tasks, **{name: task for name, task in new['tasks'].items() if name in names}}
    stream['phases'] = [*_given_entries(source, new, without_old_data), *added]
    old_heads = _heads(source.tasks, source.tasks)
    stream['model'] = _extended_model(source, new.get('model') or {}, [
        head for head in _heads(names, stream['tasks']) if head not in old_heads])
    stream['starts_from'] = source.starts_from
    chosen = seed if seed is not None else source.seed
    if chosen is not None:
        stream['randomness'] = {**(new.get('randomness') or {}), 'seed': chosen}
    return Config(stream, filename=cfg.filename)


def check_old_data(stream: Stream) -> None:
    """Make sure that the validation data of the old tasks is there, and say which of them are not scored.

    Args:
        stream: That of an :func:`extended_config`.

    Raises:
        DataError: If a data set cannot be opened.
    """
    unscored = [name for phase in stream.phases[:stream.num_given] for name in phase.new_tasks]
    configs = stream.task_configs
    for loader, names in stream.scored_tasks(unscored):
        try:
            DATASETS.build({**loader['dataset'], 'tasks': {name: configs[name] for name in names}})
        except DataError as error:
            raise DataError(f'the validation data of {", ".join(names)} is missing ({error}); say where it is now with '
                            f'`old_val_dataloader.{names[0]}.dataset.data_root=FOLDER`, or leave the old '
                            f'tasks unscored with `without_old_data=True`') from error
        unscored = [name for name in unscored if name not in names]
    if unscored:
        print_log(f'{", ".join(unscored)} will not be scored: without validation data', logger='current')


def give_phases(stream: Stream, source: Source,
                score: Callable[[Stream, int, Path], dict[str, dict[str, float]]]) -> list[PhaseResults]:
    """Copy the checkpoints of a source into the run that extends it, which then needs the source no more.

    Args:
        stream: That of an :func:`extended_config`.
        source: What it extends.
        score: Scores the learner of a phase of a stream, given its number and its checkpoint.

    Returns:
        The phases as they were recorded; one that never was is scored now.
    """
    given = []
    for index, phase in enumerate(source.phases, 1):
        path = stream.checkpoint(index)
        if is_main_process():
            checkpoint = phase.read()
            if isinstance(phase.saved, dict):
                description = dict(checkpoint['lhl'], config=json.dumps(stream.cfg.to_dict(), default=str))
                checkpoint = {**checkpoint, 'lhl': description}
            write_checkpoint(checkpoint, path)
        barrier()
        results = phase.results
        if not any(results.metrics.values()):
            results = replace(results, metrics=score(stream, index, path))
        given.append(replace(results, checkpoint=stream.phases[index - 1].checkpoint))
    return given


def _given_entries(source: Source, new: Mapping, without_old_data: bool) -> list[dict]:
    """Write the source's phases down as entries of ``phases``, each with the data that its tasks are scored on."""
    overrides = new.get('old_val_dataloader') or {}
    for name in overrides:
        if name not in source.tasks:
            raise ConfigError(f'old_val_dataloader names the unknown task {name!r}; {suggest(name, source.tasks)}')
    entries = []
    for number, phase in enumerate(source.phases, 1):
        loaders = {name: loader if name not in overrides else None if overrides[name] is None else merged(
            loader or new['val_dataloader'], overrides[name]) for name, loader in phase.val_dataloaders.items()}
        loader, *others = [None] if without_old_data else loaders.values()
        if any(other != loader for other in others):
            raise ConfigError(f'{source.path}: {", ".join(loaders)} of phase {number} are scored on different data, '
                              f'which one phase cannot; give all of them the same old_val_dataloader, leave them '
                              f'unscored with `without_old_data=True`, or extend the folder of the run')
        entries.append({**copy.deepcopy(phase.entry),
                        'val_dataloader': loader and {'_delete_': True, **copy.deepcopy(loader)}})
    return entries


def _heads(names: Iterable[str], tasks: Mapping[str, Mapping]) -> list[str]:
    """Name the heads of some tasks, each once: their own, unless they share one."""
    return list(dict.fromkeys(tasks.get(name, {}).get('head') or name for name in names))


def _extended_model(source: Source, new: Mapping, names: list[str]) -> dict:
    """Give the learner the named new heads: of the config's ``heads``, or its ``head``, or else like the source's."""
    model = copy.deepcopy(source.model)
    backbone = resolve_backbones(model['backbone'], [phase.entry.get('backbone') or {} for phase in source.phases])[-1]
    for key, value in new.items():
        is_same = key in ('head', 'heads') or (
            is_same_backbone(value, backbone) if key == 'backbone' else _text(value) == _text(model.get(key)))
        if not is_same:
            raise ConfigError(f'model.{key} is another one than that of {source.path}, which is extended as it is; '
                              f'remove it' + (', or give a phase a backbone of its own' * (key == 'backbone')))
    own = new.get('heads') or {}
    for name in own:
        if name not in names:
            raise ConfigError(f'model.heads names {name!r}, which is no new task; {suggest(name, names)}')
    shared = new.get('head')
    if 'head' not in model:
        if shared is None:
            raise ConfigError(f'{source.path} has no head for new tasks; give one with '
                              f"model=dict(head=dict(type='ASPPHead', in_channels=None))")
        model['head'] = copy.deepcopy(shared)
    if shared is not None and _text(shared) != _text(model['head']):
        own = {**dict.fromkeys(names, shared), **own}
    if own:
        model['heads'] = {**(model.get('heads') or {}), **copy.deepcopy(dict(own))}
    return model


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)  # a stored config has lists for tuples
