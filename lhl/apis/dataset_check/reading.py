"""Reads every sample of a data set once, in several processes, and survives whatever it finds."""
import copy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import cv2
from torch.utils.data import DataLoader, Dataset

from lhl.datasets import DenseDataset
from lhl.errors import LHLError
from lhl.tasks import DepthEstimation, SurfaceNormalEstimation

from .axes import AxisFit, fit_axes
from .statistics import Moments, TargetStatistics


@dataclass
class Reading:
    """What one sample is like."""

    position: int
    path: str
    problems: list[tuple[str, str]] = field(default_factory=list)  #: kind and sentence
    size: tuple[int, int] | None = None
    digest: str = ''  #: of the pixels
    pixels: Moments | None = None
    targets: dict[str, TargetStatistics] = field(default_factory=dict)
    axes: AxisFit | None = None


def read_all(dataset: DenseDataset, workers: int) -> Iterator[Reading]:
    """Read all samples of a data set that was built without a pipeline, in order."""
    yield from DataLoader(_Readings(dataset), batch_size=None, num_workers=workers, collate_fn=_as_it_is,
                          worker_init_fn=_one_thread)


class _Readings(Dataset):
    """The readings of a data set's samples."""

    def __init__(self, dataset: DenseDataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, position: int) -> Reading:
        dataset = self.dataset
        reading = Reading(position, str(dataset.path(dataset.samples[dataset.indices[position]])))
        sample = _whole_or_in_pieces(dataset, position, reading.problems)
        if sample is None:
            return reading
        image, targets, valid = sample['image'], sample['targets'], sample['valid']
        reading.size = image.shape[:2]
        reading.digest = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()
        reading.pixels = Moments.of(image.reshape(-1, 3))
        reading.targets = {name: TargetStatistics.of(target, valid[name], dataset.tasks[name].out_channels)
                           for name, target in targets.items()}
        # Not a kind derived from depth: a disparity has no points.
        depth, normal = (next((name for name in targets if type(dataset.tasks[name]) is kind), None)
                         for kind in (DepthEstimation, SurfaceNormalEstimation))
        if depth and normal:
            reading.axes = fit_axes(targets[depth][..., 0], targets[normal], valid[depth] & valid[normal])
        return reading


def _whole_or_in_pieces(dataset: DenseDataset, position: int, problems: list[tuple[str, str]]) -> dict | None:
    """Load a sample; where something is wrong with it, find all that is, and give what can be read."""
    try:
        return dataset[position]
    except Exception:  # each part is tried again on its own, and named
        pass
    sample = None
    for tasks in ({}, *({name: task} for name, task in dataset.tasks.items())):
        alone = copy.copy(dataset)
        alone.tasks = tasks
        try:
            loaded = alone[position]
        except Exception as error:  # whatever a decoder raises belongs in the list
            problems.append(('target' if tasks else 'image', _sentence(error, alone, position, tasks)))
            if not tasks:
                return None
            continue
        if sample is None:
            sample = loaded
        sample['targets'] |= loaded['targets']
        sample['valid'] |= loaded['valid']
    return sample


def _sentence(error: Exception, dataset: DenseDataset, position: int, tasks: dict) -> str:
    if isinstance(error, LHLError):
        return str(error)
    path = dataset.path(dataset.samples[dataset.indices[position]], next(iter(tasks.values()), None))
    return f'{str(path)!r} cannot be read ({type(error).__name__}: {" ".join(str(error).split())}); export it again'


def _as_it_is(reading: Any) -> Any:
    return reading


def _one_thread(worker: int) -> None:
    cv2.setNumThreads(0)
