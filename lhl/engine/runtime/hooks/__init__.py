"""Hooks of the engine."""
from .continual_phase_hook import ContinualPhaseHook
from .phase_checkpoint_hook import PhaseCheckpointHook

__all__ = ['ContinualPhaseHook', 'PhaseCheckpointHook']
