"""What a source is: phases that were trained elsewhere, which a run extends, reuses, or learns from."""
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lhl.engine.checkpoint import read_recorded, stored_model, weights_digest
from lhl.engine.plan import Stream
from lhl.errors import RunError
from lhl.evaluation import PhaseResults
from lhl.models import Learner


@dataclass(frozen=True)
class SourcePhase:
    """A phase that was trained elsewhere.

    Args:
        entry: It as an entry of ``phases``: its tasks, the method that trained it, its backbone if it has its own.
        val_dataloaders: What each of its tasks is scored on; None where it is not scored.
        results: What was recorded of it; without metrics where nothing was.
        saved: The path of its ``phase.safetensors``, or the content of one to write.
    """

    entry: dict
    val_dataloaders: dict[str, dict | None]
    results: PhaseResults
    saved: Path | dict

    def read(self) -> dict:
        """Read its checkpoint.

        Raises:
            CheckpointError: If it cannot be read, or is not the one that was recorded.
        """
        return self.saved if isinstance(self.saved, dict) else read_recorded(self.saved, self.results)


@dataclass(frozen=True)
class Source:
    """Phases that were trained elsewhere, one after the other.

    Args:
        path: Where they are, for messages.
        phases: In order, at least one.
        tasks: The configs of their tasks.
        model: The config of the learner, without tasks.
        seed: Of their run; None where it is unknown.
        stream: The stream that they are the first phases of; None where they are those of no run.
        config_hash: Of their run; empty without a run.
    """

    path: Path
    phases: tuple[SourcePhase, ...]
    tasks: dict[str, dict]
    model: dict
    seed: int | None = None
    stream: Stream | None = None
    config_hash: str = ''

    @property
    def starts_from(self) -> str:
        """The SHA-256 of the weights that they end with."""
        return self.phases[-1].results.weights_sha256

    def read_last(self) -> dict:
        """Read the checkpoint of the last phase, whose learner does all that was learned.

        Raises:
            CheckpointError: If it cannot be read, or is not the one that was recorded.
            RunError: If each task has a model of its own.
        """
        last = self.phases[-1]
        checkpoint = last.read()
        if set(self.tasks) - set(stored_model(checkpoint, self.path)['tasks']):
            raise RunError(f'{self.path} holds a model for each of its tasks, expected one for all; use a run of '
                           f'another method, such as HAD or Joint')
        return checkpoint


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
        checkpoint=f'phase1_{"_".join(tasks)}/phase.safetensors', backbone=backbone)
