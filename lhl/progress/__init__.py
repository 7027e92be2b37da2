"""Tells how far a stream is: a live display in a terminal, plain lines elsewhere, and trackers."""
from .stream_progress import StreamProgress
from .trackers import TRACKERS, add_trackers, missing_packages, without_trackers

__all__ = ['TRACKERS', 'StreamProgress', 'add_trackers', 'missing_packages', 'without_trackers']
