"""Hooks of the engine."""
from .continual_phase_hook import ContinualPhaseHook
from .early_stopping_hook import PhaseStoppingHook
from .phase_checkpoint_hook import PhaseCheckpointHook

__all__ = ['ContinualPhaseHook', 'PhaseCheckpointHook', 'PhaseStoppingHook']
