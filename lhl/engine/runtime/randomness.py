"""Randomness by counting: the state of a generator depends on where training is, never on how it got there."""
import numpy as np
import torch


def seed_torch(*counters: int) -> None:
    """Seed torch's generators of all devices from counters such as (seed, phase, iteration, rank)."""
    torch.manual_seed(int(np.random.SeedSequence(counters).generate_state(1, np.uint64)[0] >> np.uint64(1)))
