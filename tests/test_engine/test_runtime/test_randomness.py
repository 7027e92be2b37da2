import numpy as np
import torch

from lhl.engine import train_stream
from lhl.engine.runtime.randomness import seed_torch
from lhl.methods import Method
from test_engine.tiny_stream import stream_config


def seed_of(*counters):
    """The 63 upper bits of the first number that numpy's SeedSequence makes of the counters."""
    return int(np.random.SeedSequence(counters).generate_state(1, np.uint64)[0]) // 2


def test_torch_is_seeded_with_a_hash_of_the_counters():
    seed_torch(3, 1, 4)
    assert torch.initial_seed() == seed_of(3, 1, 4)
    drawn = torch.rand(3)
    seed_torch(3, 1, 4)
    assert torch.equal(torch.rand(3), drawn)


def test_counters_with_the_same_sum_give_other_numbers():
    seeds = set()
    for counters in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0), (1, 1, 1), (3, 0, 0)):
        seed_torch(*counters)
        seeds.add(torch.initial_seed())
    assert len(seeds) == 8


def test_each_iteration_of_each_phase_is_seeded_by_seed_phase_iteration_and_rank(tmp_path, data_root, monkeypatch):
    seeds, losses = [], Method.losses

    def record(self, *arguments):
        seeds.append(torch.initial_seed())
        return losses(self, *arguments)
    monkeypatch.setattr(Method, 'losses', record)
    phases = [dict(task='depth'), dict(task='normal')]
    train_stream(stream_config(tmp_path / 'c.py', data_root, tmp_path / 'run', 'Vanilla', randomness__seed=5,
                               phases=phases, train_cfg__max_epochs=1))
    # 18 images, nine for each phase, make four batches of two: the ninth is left out.
    assert seeds == [seed_of(5, phase, iteration, 0) for phase in (1, 2) for iteration in range(len(seeds) // 2)]
    assert len(seeds) >= 8
