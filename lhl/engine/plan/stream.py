"""A stream, resolved once: every phase with all that it needs, from the one place that reads a config's phases."""
import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmengine.config import Config

from lhl.config_files import merge
from lhl.errors import ConfigError, Problems
from lhl.methods import Method, Requirements
from lhl.registry import METHODS, TASKS
from lhl.tasks import Task

from .backbones import is_same_backbone, resolve_backbones
from .entries import OVERRIDES, read_entries, readable_entries, tasks_of
from .heads import HeadSpec, resolve_heads
from .renamed import with_present_names
from .sections import drop_misshapen

#: Options of a data set that do not decide which images it has.
_NOT_WHICH_IMAGES = ('pipeline', 'part', 'labels', 'seed')


@dataclass(frozen=True)
class PhaseSpec:
    """One phase of a stream, resolved.

    Args:
        entry: The phase as the config writes it.
        index: From 1.
        new_tasks: The tasks that it learns.
        old_tasks: The tasks that its learner has from the phases before; none where each phase has a model of its own.
        method: Config of the method.
        backbone: Config of the backbone.
        train_dataloader: Config of the loader of its training images, as the user wrote it.
        val_dataloader: Config of the loader that its tasks are scored on; None where they are not scored.
        train_cfg: Of the loop.
        optim_wrapper: Config of the optimizer with its wrapper.
        param_scheduler: Config of the schedules; None without any.
        loss_weight: Weight of the new tasks' own losses.
        lr_factors: Learning-rate factors of groups of parameters.
        old_heads: What becomes of the old heads if the backbone changes, one of ``OLD_HEADS``; None where unsaid.
        early_stopping: By which metric the phase ends early, and when; empty where it does not.
        trained_by: The method with which another run trained the phase; None where it is trained here.
        requires: What the method requires.
        is_new_learner: Whether its learner has another backbone than that of the phase before, which does not start
            from that one's weights.
        heads: The heads of its learner by name.
        part: Which part of its images it trains on, as ``dict(index=..., count=...)``.
    """

    entry: Mapping
    index: int
    new_tasks: tuple[str, ...]
    old_tasks: tuple[str, ...]
    method: dict
    backbone: dict
    train_dataloader: dict
    val_dataloader: dict | None
    train_cfg: Any
    optim_wrapper: Any
    param_scheduler: Any
    loss_weight: float = 1.0
    lr_factors: dict = field(default_factory=dict)
    old_heads: str | None = None
    early_stopping: dict = field(default_factory=dict)
    trained_by: str | None = None
    requires: Requirements = Requirements()
    is_new_learner: bool = False
    heads: dict[str, HeadSpec] = field(default_factory=dict)
    part: dict = field(default_factory=dict)

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks of its learner, the new ones last."""
        return self.old_tasks + self.new_tasks

    @property
    def continues(self) -> bool:
        """Whether it is learned on top of the phase before."""
        return self.index > 1 and not self.requires.separate_models

    @property
    def folder(self) -> str:
        """Its folder in the run's, ``phase1_segmentation``."""
        return f'phase{self.index}_{"_".join(self.new_tasks)}'

    @property
    def checkpoint(self) -> str:
        """The path of its final checkpoint in the run's folder."""
        return f'{self.folder}/phase.safetensors'

    @property
    def taught_by(self) -> str:
        """The method that trains it, or has trained it, with those of a combination: ``Combined(EWC, DIS)``."""
        return self.trained_by or method_name(self.method)


@dataclass(frozen=True)
class Stream:
    """The tasks that a config asks for, phase after phase, all of it resolved.

    Args:
        cfg: The whole config, its phases in the order in which they are learned. It is not to be changed.
        phases: The phases in order.
        tasks: The tasks of all phases by name, in order.
        requires: What the method of the whole stream requires.
    """

    cfg: Config
    phases: tuple[PhaseSpec, ...]
    tasks: dict[str, Task]
    requires: Requirements

    @classmethod
    def from_config(cls, cfg: Config, check: bool = True, method: Mapping | None = None) -> 'Stream':
        """Resolve a config.

        Args:
            cfg: The config; it stays as it is.
            check: Refuse what cannot be trained. Without it a config may lack all sections but ``tasks`` and
                ``phases``: what is missing is empty in the phases.
            method: A method that takes the place of the config's in all phases.

        Raises:
            ConfigError: With all that is wrong, each as one of its ``problems``.
        """
        from .demands import check_phases  # they need PhaseSpec
        from .trial import try_learners, try_surroundings
        from .validate import check_built, check_names

        problems = Problems()
        cfg = copy.deepcopy(cfg)
        drop_misshapen(cfg, problems)
        for section in ('method', 'phases'):
            if section in cfg:
                cfg[section] = with_present_names(cfg.to_dict()[section])
        known = cfg.get('tasks') and cfg.tasks.to_dict()
        entries = readable_entries(read_entries(cfg, problems), known, problems) if 'phases' in cfg else {}
        if method is not None:
            cfg.method = dict(method)
            entries = {index: {key: value for key, value in entry.items() if key != 'method'}
                       for index, entry in entries.items()}
        with problems.consequences('the config'):
            phases = _drafts(cfg, entries, problems)
            check_built(cfg, phases, problems)
            if check:
                check_names(cfg, phases, problems)
            tasks, methods = _build_tasks(cfg, phases, problems), _build_methods(cfg, phases, problems)
            if check:
                check_phases(cfg, phases, tasks, methods, problems)
                try_surroundings(cfg, phases, problems)
            stream = cls(cfg, tuple(_resolved(cfg, phases, tasks, methods)), tasks, _requires(methods[0]))
            if check:
                try_learners(stream, problems)
        problems.raise_all()
        return stream

    @property
    def num_given(self) -> int:
        """How many of the first phases another run has trained."""
        return sum(phase.trained_by is not None for phase in self.phases)

    @property
    def work_dir(self) -> str:
        """The folder of its run; empty where none was given."""
        return self.cfg.get('work_dir') or ''

    @property
    def task_configs(self) -> dict[str, dict]:
        """The configs of its tasks by name, in order."""
        configs = self.cfg.tasks.to_dict()
        return {name: configs[name] for name in self.tasks}

    def checkpoint(self, index: int) -> Path:
        """Say where the final checkpoint of a phase is, counted from 1."""
        return Path(self.work_dir, self.phases[index - 1].checkpoint)

    def scored_tasks(self, names: Iterable[str]) -> list[tuple[dict, list[str]]]:
        """Say on which data tasks are scored: each on that of the phase that learns it.

        Args:
            names: The tasks to score, in the stream's order.

        Returns:
            The config of each validation loader that is needed, in the order of the phases, and the tasks to score on
            it. A phase without ``val_dataloader`` has no data to score its tasks on: they are in no list.
        """
        groups: list[tuple[dict, list[str]]] = []
        for phase in self.phases:
            own = [name for name in phase.new_tasks if name in names]
            if phase.val_dataloader is None or not own:
                continue
            same = next((tasks for other, tasks in groups if other == phase.val_dataloader), None)
            if same is None:
                groups.append((phase.val_dataloader, own))
            else:
                same.extend(own)
        return groups


def method_name(method: Mapping) -> str:
    """Name a method by its config, those of a combination included."""
    members = ', '.join(map(method_name, method.get('methods') or []))
    return f'{method["type"]}({members})' if members else method['type']


def merged(config: Mapping, changes: Mapping) -> dict:
    """Change some options of a config, as :func:`lhl.config_files.merge` does."""
    both = Config(dict(config=copy.deepcopy(dict(config))))
    merge(both, dict(config=copy.deepcopy(dict(changes))))
    return both.to_dict()['config']


# ---- resolving -----------------------------------------------------------------------------------------------------

def _drafts(cfg: Config, entries: Mapping[int, Mapping], problems: Problems) -> list[PhaseSpec]:
    """Merge each entry with the sections that it overrides; what needs built tasks and methods is filled in later."""
    plain = cfg.to_dict()
    first = plain.get('model', {}).get('backbone')
    backbones = resolve_backbones(first if isinstance(first, Mapping) else {}, [
        entry.get('backbone') or {} for entry in entries.values()])
    phases: list[PhaseSpec] = []
    keys = (*OVERRIDES, 'val_dataloader')
    for (i, entry), backbone in zip(entries.items(), backbones, strict=True):
        sections = {key: plain[key] for key in keys if plain.get(key) is not None}
        for key in (key for key in keys if key in entry):
            try:
                sections = merged(sections, {key: entry[key]})
            except (TypeError, KeyError) as error:
                place = f'phases[{i - 1}].{key}'
                problems.add(f'{place} does not fit the section that it overrides ({error})', at=place)
                sections.pop(key, None)  # what the phase meant is unknown: nothing more is said of it
        phases.append(PhaseSpec(
            entry=dict(entry), index=i, new_tasks=tuple(tasks_of(entry)),
            old_tasks=tuple(name for phase in phases for name in phase.new_tasks), backbone=backbone,
            method=sections.get('method') or {}, train_dataloader=sections.get('train_dataloader') or {},
            val_dataloader=sections.get('val_dataloader'), train_cfg=sections.get('train_cfg'),
            optim_wrapper=sections.get('optim_wrapper'), param_scheduler=sections.get('param_scheduler'),
            loss_weight=entry.get('loss_weight', 1.0), lr_factors=entry.get('lr_factors') or {},
            old_heads=entry.get('old_heads'), early_stopping=entry.get('early_stopping') or {},
            trained_by=entry.get('trained_by')))
    return phases


def _build_tasks(cfg: Config, phases: Sequence[PhaseSpec], problems: Problems) -> dict[str, Task]:
    """Build each task of the stream once."""
    configs, tasks = cfg.get('tasks') or {}, {}
    for name in (name for phase in phases for name in phase.new_tasks):
        if name in configs and problems.sound(f'tasks.{name}'):
            with problems.translated(f'tasks.{name} cannot be built', at=f'tasks.{name}'):
                tasks[name] = TASKS.build(dict(configs[name].to_dict(), name=name))
    return tasks


def _build_methods(cfg: Config, phases: Sequence[PhaseSpec], problems: Problems) -> list[Method | None]:
    """Build the methods of the stream and of its phases, each distinct one once; None where one cannot be built."""
    built: dict[str, Method | None] = {'{}': None}
    of_stream = cfg.to_dict().get('method') or {}
    for place, method in [('method', of_stream),
                          *((f'phases[{phase.index - 1}].method', phase.method) for phase in phases)]:
        text = _text(method)
        if text not in built:
            built[text] = None
            if problems.sound('method', place):
                with problems.translated(f'{place} cannot be built', at=place):
                    made = METHODS.build(method)
                    if not isinstance(made, Method):
                        raise ConfigError(f'{place} is a {type(made).__name__}, expected a method of lhl')
                    built[text] = made
    return [built[_text(method)] for method in (of_stream, *(phase.method for phase in phases))]


def _requires(method: Method | None) -> Requirements:
    return Requirements() if method is None else method.requires


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _resolved(cfg: Config, phases: Sequence[PhaseSpec], tasks: Mapping[str, Task],
              methods: Sequence[Method | None]) -> list[PhaseSpec]:
    """Fill in what a phase's method requires, its heads, and its part of the images."""
    model = cfg.to_dict().get('model') or {}
    names = [_heads_of(phase.new_tasks, tasks) for phase in phases]
    heads = resolve_heads(model, names, [phase.backbone for phase in phases], [
        phase.old_heads for phase in phases]) if model.get('backbone') else [{} for _ in phases]
    resolved = []
    for i, phase in enumerate(phases):
        requires = _requires(methods[i + 1])
        alone = requires.separate_models
        resolved.append(replace(
            phase, requires=requires, old_tasks=() if alone else phase.old_tasks,
            is_new_learner=i > 0 and not alone and not is_same_backbone(phase.backbone, phases[i - 1].backbone),
            heads={name: HeadSpec('new', spec.config) for name, spec in heads[i].items() if name in names[i]}
            if alone else heads[i], part=_part(phase, phases, tasks)))
    return resolved


def _heads_of(names: Iterable[str], tasks: Mapping[str, Task]) -> list[str]:
    """Name the heads of some tasks, each once: that of each task, or the one that several share."""
    return list(dict.fromkeys(tasks[name].head for name in names))


def _part(phase: PhaseSpec, phases: Sequence[PhaseSpec], tasks: Mapping[str, Task]) -> dict:
    """Say which part of its images a phase trains on: one of each head that learns from the same images.

    Not one of each task: those of one head divide the images of their part by class. A phase that another run has
    trained takes none of the images.
    """
    own = phase.train_dataloader.get('dataset') or {}
    if 'part' in own:
        return own['part']
    data = [(other.trained_by is None, _images(other)) for other in phases]
    same = _heads_of([name for other, images in zip(phases, data, strict=True)
                      if images == (phase.trained_by is None, _images(phase)) for name in other.new_tasks], tasks)
    parts = [same.index(name) for name in _heads_of(phase.new_tasks, tasks)]
    return dict(index=parts[0] if len(parts) == 1 else parts, count=len(same))


def _images(phase: PhaseSpec) -> dict:
    """Say which images a phase could take, however it augments them."""
    return {key: value for key, value in (phase.train_dataloader.get('dataset') or {}).items()
            if key not in _NOT_WHICH_IMAGES}
