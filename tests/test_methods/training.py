"""A few optimizer steps as the engine takes them, a loader for the end of a phase, and two processes."""
import time

import torch
from torch import multiprocessing
from torch.utils.data import DataLoader, Dataset

from lhl.datasets import EpochSampler, collate_samples
from lhl.engine.runtime.optim_wrapper import MethodOptimWrapper

from .conftest import losses_of, make_batch


def take_steps(student, task, steps=3, optimizer=torch.optim.Adam, **options):
    """Train a student that has begun a phase and give its learner; torch is seeded before each iteration."""
    student.train()
    parameters = [parameter for parameter in student.parameters() if parameter.requires_grad]
    wrapper = MethodOptimWrapper(optimizer(parameters, **{'lr': 1e-2, **options}))
    wrapper.attach(student.method, student.learner)
    for step in range(steps):
        torch.manual_seed(step)
        wrapper.update_params(sum(losses_of(student, make_batch(task, seed=step)).values()))
    return student.learner


class Images(Dataset):
    """Random images of one task; the same image in another epoch is brighter."""

    def __init__(self, task, count=8):
        self.task = task
        self.batch = make_batch(task, batch_size=count)

    def __len__(self):
        return len(self.batch.inputs)

    def __getitem__(self, key):
        return dict(
            inputs=0.45 + 0.22 * self.batch.inputs[key.index] + 0.1 * key.epoch,  # the preprocessor normalises them
            targets={self.task: self.batch.targets[self.task][key.index]},
            valid={self.task: self.batch.valid[self.task][key.index]}, meta=dict(image_path=str(key.index)))


def make_loader(task, batch_size=2, count=8, shuffle=True, **options):
    dataset = Images(task, count)
    return DataLoader(dataset, batch_size, sampler=EpochSampler(dataset, shuffle), collate_fn=collate_samples,
                      drop_last=True, **options)


def in_two_processes(function, folder, *arguments, seconds=120):
    """What a function of a module returns on each of two ranks that talk over gloo; they have to end in time."""
    multiprocessing.set_forkserver_preload(['lhl.methods', 'lhl.engine', 'hypothesis'])
    context = multiprocessing.start_processes(
        _on_rank, (function, folder, arguments), 2, join=False, start_method='forkserver')
    end = time.monotonic() + seconds
    while not context.join(max(0.0, end - time.monotonic())):
        if time.monotonic() >= end:
            for process in context.processes:
                process.kill()
            raise TimeoutError(f'{function.__name__} has not ended in {seconds} seconds')
    return [torch.load(folder / f'{rank}.pth', weights_only=True) for rank in range(2)]


def _on_rank(rank, function, folder, arguments):
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', f'file://{folder}/meeting', rank=rank, world_size=2)
    torch.save(function(*arguments), folder / f'{rank}.pth')
    torch.distributed.destroy_process_group()


def add_dropout(learner, probability=0.5):
    for head in learner.heads.values():
        head.dropout.p = probability
    return learner


def is_same(state, other, prefix=''):
    """Whether all tensors whose names start with the prefix are equal, bit for bit."""
    names = [name for name in state if name.startswith(prefix)]
    assert names
    return all(torch.equal(state[name], other[name]) for name in names)
