"""Which first phases of another run were trained just as a stream would train them, so that they need not be again."""
from lhl.engine.plan import Stream, config_hash, first_phase_hash, training_hash
from lhl.errors import NotReusableError

from .base import Source


def reusable_phases(stream: Stream, source: Source, num_processes: int = 1) -> list[dict]:
    """Find the first phases of a run that trained as a stream's would, and make sure that they are intact.

    Of a run of another method that is the first phase, which most methods have in common.

    Args:
        stream: The stream to be learned.
        source: A run.
        num_processes: How many processes train the stream.

    Returns:
        For each phase the checkpoint to take up, whether the method has ended the phase in it, and what it cost.

    Raises:
        NotReusableError: If there is no such phase.
        CheckpointError: If a checkpoint is missing, or is not the one that was recorded.
    """
    found, ended = [], True
    theirs = source.stream
    if theirs is not None and config_hash(theirs, num_processes) == source.config_hash:
        for index, phase in enumerate(source.phases[:len(stream.phases)], 1):
            if training_hash(stream, index) != training_hash(theirs, index):
                break
            found.append(phase)
        if not found and first_phase_hash(stream) == first_phase_hash(theirs) is not None:
            found, ended = [source.phases[0]], False
    if not found:
        raise NotReusableError(
            f'the first phase of {source.path} was trained with another config, seed or number of processes, or '
            f'{stream.cfg.method.type} trains it in a way of its own; remove `take_over`')
    for phase in found:
        phase.read()
    return [dict(checkpoint=str(phase.saved), ended=ended, seconds=phase.results.seconds,
                 peak_memory_mib=phase.results.peak_memory_mib, iterations=phase.results.iterations,
                 stopped_early=phase.results.stopped_early) for phase in found]
