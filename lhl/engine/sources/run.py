"""What a run may be extended from: the phases of a finished run, or of a single checkpoint, as they were recorded."""
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from lhl.engine.checkpoint import (
    build_learner,
    check_recorded,
    read_checkpoint,
    stored_config,
    stored_model,
    weights_digest,
)
from lhl.engine.plan.runner_config import (
    describe_backbone,
    method_name,
    phase_backbones,
    phase_tasks,
    phase_val_dataloader,
)
from lhl.errors import CheckpointError, RunError
from lhl.evaluation import PhaseResults, Results
from lhl.models import Learner
from lhl.registry import METHODS


class GivenPhase(NamedTuple):
    """A phase that was trained elsewhere."""

    entry: dict  #: as an entry of ``phases``: its tasks, who trained it, its backbone if it has one of its own
    val_dataloaders: dict[str, dict | None]  #: what each of its tasks is scored on; None where that is nothing
    results: PhaseResults  #: as they were recorded; without metrics where nothing was
    checkpoint: Path | dict  #: its ``phase.pth``, or what is to be written there


class Donor(NamedTuple):
    """What an extension starts from."""

    source: Path  #: as it was given, for messages
    phases: list[GivenPhase]  #: in order, at least one
    tasks: dict[str, dict]  #: the configs of their tasks
    model: dict  #: the config of the learner, without tasks
    seed: int | None  #: of the run; None where it has none

    @property
    def starts_from(self) -> str:
        """The SHA-256 of the weights that the extension starts from."""
        return self.phases[-1].results.weights_sha256


def read_donor(path: str | Path) -> Donor:
    """Read a finished run, or a ``phase.pth`` of one, of which it is the only phase.

    Args:
        path: The folder of a run, or a ``phase.pth``.

    Raises:
        RunError: If the run is not finished, or holds a model for each task.
        CheckpointError: If a checkpoint is missing, not the recorded one, or none of lhl.
    """
    path = Path(path)
    if not path.exists():
        raise CheckpointError(f'{path} does not exist; give the folder of a finished run, or a phase.pth of one')
    return _read_run(path) if path.is_dir() else _read_phase(path)


def _read_run(path: Path) -> Donor:
    """Read all phases of a run."""
    results = Results.load(path)
    if not results.phases or not results.finished:
        raise RunError(f'the run in {path} has finished {len(results.phases)} phases and learned '
                       f'{len(results.learned_tasks)} of its {len(results.stream)} tasks; continue it with '
                       f'tools/train.py --resume, or extend the phase.pth of one of its phases')
    cfg, _ = stored_config(path)
    phases = []
    for recorded, entry in zip(results.phases, cfg.to_dict()['phases'], strict=True):
        checkpoint = path / recorded.checkpoint
        check_recorded(checkpoint, recorded)
        phases.append(GivenPhase(
            entry={'trained_by': method_of(cfg, entry),
                   **{key: entry[key] for key in ('task', 'tasks', 'backbone', 'old_heads') if key in entry}},
            val_dataloaders=dict.fromkeys(recorded.tasks, phase_val_dataloader(cfg, entry)), results=recorded,
            checkpoint=checkpoint))
    _check_one_model(read_checkpoint(checkpoint), checkpoint, results.learned_tasks, path)
    tasks = cfg.to_dict()['tasks']
    return Donor(path, phases, {name: tasks[name] for name in results.stream}, cfg.model.to_dict(), results.seed)


def _read_phase(path: Path) -> Donor:
    """Read a phase without its run: one phase that has learned all that its learner can do."""
    checkpoint = read_checkpoint(path)
    if 'lhl' not in checkpoint:
        raise CheckpointError(f'{path} is no phase.pth of lhl; to extend a checkpoint of mmsegmentation give the '
                              f'config that it was trained with, too (--segmentor-config)')
    model = stored_model(checkpoint, path)
    cfg, index = stored_config(path)
    tasks = model.pop('tasks')
    model.pop('backbone_norm', None)  # the engine's, of that phase
    entries = cfg.to_dict()['phases'][:index]
    _check_one_model(checkpoint, path, [name for entry in entries for name in phase_tasks(entry)], path)
    names = list(tasks)
    loaders = {name: phase_val_dataloader(cfg, entry) for entry in entries for name in phase_tasks(entry)}
    method = METHODS.build(_phase_method(cfg, entries[-1]))
    if checkpoint['method']:
        method.load_state_dict(checkpoint['method'])
    backbone = describe_backbone(phase_backbones(cfg)[index - 1])
    results = unrecorded_results(build_learner(checkpoint, path), checkpoint, backbone, method.num_stored_images())
    entry = dict(task=names[0]) if len(names) == 1 else dict(tasks=names)
    phase = GivenPhase(dict(trained_by=method_of(cfg, entries[-1]), **entry), loaders, results, path)
    return Donor(path, [phase], tasks, model, cfg.randomness.seed)


def unrecorded_results(learner: Learner, checkpoint: Mapping, backbone: str, stored_images: int = 0) -> PhaseResults:
    """Describe a phase of which nothing is known but its checkpoint: no metrics, no duration.

    Args:
        learner: What it ended with.
        checkpoint: Its weights, and the method's state.
        backbone: In one line.
        stored_images: How many images the method carries.
    """
    tasks = list(learner.tasks)
    return PhaseResults(
        phase=1, tasks=tasks, metrics={name: {} for name in tasks}, seconds=math.nan, iterations=0,
        peak_memory_mib=math.nan, parameters=sum(parameter.numel() for parameter in learner.parameters()),
        method_state_mib=sum(tensor.nbytes for tensor in checkpoint['method'].values()) / 2**20,
        stored_images=stored_images, weights_sha256=weights_digest(checkpoint['state_dict']),
        checkpoint=f'phase1_{"_".join(tasks)}/phase.pth', backbone=backbone)


def method_of(cfg: Config, entry: Mapping) -> str:
    """Name the method that trains, or has trained, a phase."""
    return entry.get('trained_by') or method_name(_phase_method(cfg, entry))


def _phase_method(cfg: Config, entry: Mapping) -> dict:
    """Give the config of the method of a phase."""
    merged = Config(dict(method=cfg.method.to_dict()))
    merged.merge_from_dict(dict(method=dict(entry.get('method') or {})))
    return merged.method.to_dict()


def _check_one_model(checkpoint: dict, source: Path, learned: list[str], run: Path) -> None:
    """Refuse separate models: no single learner does all that was learned."""
    if set(learned) - set(stored_model(checkpoint, source)['tasks']):
        raise RunError(f'{run} holds a model for each of its tasks, expected one for all; extend a run of another '
                       f'method, such as HAD or Joint')

