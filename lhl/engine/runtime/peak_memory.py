"""Measures the peak memory of a phase."""
import contextlib
import resource
from pathlib import Path

import torch

CLEAR_REFS = Path('/proc/self/clear_refs')
STATUS = Path('/proc/self/status')


def reset_peak_memory() -> None:
    """Start a new measurement; where the system cannot (neither CUDA nor Linux), the process's own peak is kept."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    else:
        with contextlib.suppress(OSError):
            CLEAR_REFS.write_text('5')


def peak_memory_mib() -> float:
    """Give the peak since the reset in MiB: of the GPU's allocations, or of this process's resident memory."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    if STATUS.exists():
        peak = next(line for line in STATUS.read_text().splitlines() if line.startswith('VmHWM'))
        return int(peak.split()[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
