"""The engine: from a config to trained phases."""
from lhl.weight_files import read_checkpoint, write_checkpoint

from .checkpoint import load_weights, weights_digest
from .plan import PhaseSpec, Stream, config_hash, first_phase_hash, runner_config, training_hash
from .run import train_stream
from .runtime.hooks import ContinualPhaseHook, PhaseCheckpointHook
from .runtime.learner_runner import LearnerRunner
from .runtime.loops import MultiDatasetValLoop
from .runtime.optim_wrapper import MethodOptimWrapper, PhaseOptimWrapperConstructor
from .runtime.param_scheduler import LinearWarmupDecayLR
from .runtime.runner import PhaseRunner

__all__ = [
    'ContinualPhaseHook', 'LearnerRunner', 'LinearWarmupDecayLR', 'MethodOptimWrapper', 'MultiDatasetValLoop',
    'PhaseCheckpointHook', 'PhaseOptimWrapperConstructor', 'PhaseRunner', 'PhaseSpec', 'Stream', 'config_hash',
    'first_phase_hash', 'load_weights', 'read_checkpoint', 'runner_config', 'train_stream', 'training_hash',
    'weights_digest', 'write_checkpoint'
]
