"""The engine: from a config to trained phases."""
from .checkpoint import load_weights, read_checkpoint, weights_digest, write_checkpoint
from .config_check import check_config
from .hooks import ContinualPhaseHook, PhaseCheckpointHook
from .loops import SeveralDataSetsValLoop
from .optim_wrapper import MethodOptimWrapper, PhaseOptimWrapperConstructor
from .param_scheduler import LinearWarmupDecayLR
from .phase_config import config_hash, first_phase_hash, in_order, phase_config, training_hash
from .runner import LearnerRunner, PhaseRunner
from .stream import train_stream

__all__ = [
    'ContinualPhaseHook', 'LearnerRunner', 'LinearWarmupDecayLR', 'MethodOptimWrapper', 'PhaseCheckpointHook',
    'PhaseOptimWrapperConstructor', 'PhaseRunner', 'SeveralDataSetsValLoop', 'check_config', 'config_hash',
    'first_phase_hash', 'in_order', 'load_weights', 'phase_config', 'read_checkpoint', 'train_stream',
    'training_hash', 'weights_digest', 'write_checkpoint'
]
