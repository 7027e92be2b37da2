"""A run as a source: the phases that it has finished, as they were recorded."""
from pathlib import Path

from lhl.engine.checkpoint import recorded_checkpoint, stored_config
from lhl.engine.plan import Stream
from lhl.errors import CheckpointError, RunError
from lhl.evaluation import Results

from .base import Source, SourcePhase
from .phase_file import read_phase


def read_source(path: str | Path) -> Source:
    """Read the phases of a run, or a single ``phase.safetensors``.

    Args:
        path: The folder of a run, or a ``phase.safetensors``.

    Raises:
        RunError: If the run has not finished a phase.
        CheckpointError: If there is nothing at the path, or a checkpoint is missing or not one of lhl.
    """
    path = Path(path)
    if not path.exists():
        raise CheckpointError(f'{path} does not exist; give the folder of a run, or a phase.safetensors of one')
    return read_run(path) if path.is_dir() else read_phase(path)


def read_run(path: str | Path) -> Source:
    """Read the finished phases of a run; what their checkpoints hold is checked where it is read.

    Raises:
        RunError: If there is no run, or it has not finished a phase.
        CheckpointError: If the last checkpoint cannot be read.
    """
    path, results = Path(path), Results.load(path)
    if not results.phases:
        raise RunError(f'the run in {path} has not finished a phase yet; continue it with `resume=True`')
    stream = Stream.from_config(stored_config(path)[0], check=False)
    configs, learned = stream.task_configs, [list(spec.new_tasks) for spec in stream.phases[:len(results.phases)]]
    if [recorded.tasks for recorded in results.phases] != learned:
        raise CheckpointError(f'{path} holds checkpoints of another stream than its results; restore the folder')
    phases = tuple(SourcePhase(
        entry={'trained_by': spec.taught_by,
               **{key: spec.entry[key] for key in ('task', 'tasks', 'backbone', 'old_heads') if key in spec.entry}},
        val_dataloaders=dict.fromkeys(recorded.tasks, spec.val_dataloader), results=recorded,
        saved=recorded_checkpoint(path, recorded))
        for recorded, spec in zip(results.phases, stream.phases, strict=False))
    return Source(path, phases, {name: configs[name] for name in results.learned_tasks}, stream.cfg.model.to_dict(),
                  results.seed, stream, results.config_hash)
