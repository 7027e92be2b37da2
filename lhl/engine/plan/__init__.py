"""The plan of a run: what a config asks for, resolved and checked before anything is trained."""
from .identity import config_hash, first_phase_hash, training_hash
from .mmengine_config import runner_config
from .stream import PhaseSpec, Stream

__all__ = ['PhaseSpec', 'Stream', 'config_hash', 'first_phase_hash', 'runner_config', 'training_hash']
