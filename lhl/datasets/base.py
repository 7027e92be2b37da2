"""What every data set shares: parts for the phases, checked samples, and randomness that belongs to the image."""
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, NotRequired, TypedDict

import numpy as np
import torch
from mmengine.dataset import Compose
from torch.utils.data import Dataset, get_worker_info

from lhl.errors import ConfigError, DataError, suggest
from lhl.options import Count, CountFrom0
from lhl.registry import TRANSFORMS
from lhl.tasks import Task, build_tasks

from .decoded_cache import DecodedCache, UnsuitableError, encoded, from_levels, num_bytes, room_for_cache
from .transforms.pack import PackSample


class SampleKey(NamedTuple):
    """What a sampler asks for: the sample at a position of the data set, augmented as in an epoch."""

    index: int  # type: ignore[assignment]  # hides tuple.index
    epoch: int


class Part(TypedDict):
    """Which part of the images of a split is taken."""

    index: CountFrom0 | Sequence[CountFrom0]
    count: Count
    seed: NotRequired[CountFrom0]


class DenseDataset(Dataset):
    """Images with the dense targets of some tasks.

    A subclass lists its samples (:meth:`list_samples`), locates their files (:meth:`path`) and loads them
    (:meth:`load_image`, :meth:`load_target`); this class checks what it loads. A sample, as the
    pipeline receives it, is::

        dict(image=(H, W, 3) float32 RGB in [0, 1],
             targets={task: (H, W) int64 or (H, W, C) float32},     # 0 where invalid; 1 x 1 of an image-level task
             valid={task: (H, W) bool},
             tasks={task: Task},
             meta=dict(index=..., image_path=...))

    An image is augmented by its own seed, made of ``seed``, the epoch and the image's index, so neither the number of
    workers nor the part nor a resumed run changes what is drawn. The epoch comes with the key: use
    :class:`~lhl.datasets.samplers.EpochSampler`, as a plain integer always means epoch 0.

    Args:
        data_root: The folder of the data set.
        split: One of :attr:`SPLITS`.
        tasks: Task configs by name, for example ``dict(depth=dict(type='DepthEstimation'))``; no other target is read.
        pipeline: Configs of the transforms, in order.
        part: ``dict(index, count, seed=0)``: take part ``index`` (0-based), or all parts of a list, of ``count``
            disjoint parts, whose sizes differ by at most one and which together are all images. Default: all images.
        labels: ``'all'``, or ``'own_part'``: of several parts, each has valid pixels for one task only, the first part
            for the first task and so on, as if the tasks had been learned one after the other.
        seed: Seeds the random transforms.

    Raises:
        ConfigError: If the split or part does not exist.
        DataError: If files are missing; while loading, if a file holds impossible values.
    """

    #: Facts about the data set for tables and legends, plain types only: they are saved with checkpoints.
    METAINFO: ClassVar[dict] = {}
    #: The splits that exist.
    SPLITS: tuple[str, ...] = ('train', 'val')
    #: The files that say which images there are; :meth:`list_samples` sets them where there are such.
    lists: Sequence[Path] = ()

    def __init__(self, data_root: str | Path, split: str, tasks: Mapping[str, dict],
                 pipeline: Sequence[dict], part: Part | None = None,
                 labels: Literal['all', 'own_part'] = 'all', seed: int = 0) -> None:
        if labels not in ('all', 'own_part'):
            raise ConfigError(f"labels={labels!r} is unknown; use 'all' or 'own_part'")
        if split not in self.SPLITS:
            raise ConfigError(f'{type(self).__name__} has no split {split!r}; {suggest(str(split), self.SPLITS)}')
        self.data_root = Path(data_root).expanduser()
        self.split = split
        self.tasks = build_tasks(tasks)
        transforms = [TRANSFORMS.build(transform) for transform in pipeline]
        self.pipeline = Compose(transforms)
        self._num_fixed = next((number for number, transform in enumerate(transforms)
                                if _declares(transform, 'is_random') is not False or isinstance(transform, PackSample)),
                               len(transforms))
        self.cache: DecodedCache | None = None
        self.seed = seed
        self.samples = self.list_samples()
        self.indices = part_indices(len(self.samples), **part) if part else list(range(len(self.samples)))
        self.labelled_task = self._divide_labels(part) if labels == 'own_part' else {}

    # ---- what a subclass defines ------------------------------------------------------------------------------

    def list_samples(self) -> list[Any]:
        """List what identifies each image of the split, in a fixed order; refuse missing folders and files here."""
        raise NotImplementedError(f'{type(self).__name__} must define list_samples')

    def path(self, sample: Any, task: Task | None = None) -> Path:
        """Return the file of a sample's image or, with a task, of its target."""
        raise NotImplementedError(f'{type(self).__name__} must define path')

    def load_image(self, sample: Any) -> np.ndarray:
        """Load an image ``(H, W, 3)``, float32 RGB in [0, 1].

        Raises:
            ValueError: With the clause "found ..., expected ..."; the file's name is added here, in the base class.
        """
        raise NotImplementedError(f'{type(self).__name__} must define load_image')

    def load_target(self, sample: Any, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Load a target, ``(H, W)`` int64 or ``(H, W, C)`` float32, and its validity ``(H, W)`` bool; H and W are 1 for
        an image-level task.

        Raises:
            ValueError: As for :meth:`load_image`.
        """
        raise NotImplementedError(f'{type(self).__name__} must define load_target')

    def source_files(self) -> Iterator[Path]:
        """Every file that is read: lists, images and targets; a path below an archive stands for the archive."""
        yield from self.lists
        for index in self.indices:
            yield self.path(self.samples[index])
            yield from (self.path(self.samples[index], task) for task in self.tasks.values())

    def require_data_root(self, contents: str) -> None:
        """Refuse a data root that is not a folder.

        Args:
            contents: What the folder holds, as the error says it.
        """
        if not self.data_root.is_dir():
            raise DataError(f'data_root {str(self.data_root)!r} is not a folder; point data_root at the folder that '
                            f'holds {contents}')

    def _divide_labels(self, part: Mapping[str, Any] | None) -> dict[int, str]:
        """Map each image which task it is labelled for."""
        parts = part['index'] if part else []
        if part is None or isinstance(parts, int) or len(parts) != len(self.tasks):
            raise ConfigError(f"labels='own_part' needs as many parts as tasks, found the part {part} for the tasks "
                              f"{', '.join(self.tasks)}; learn all tasks in one phase")
        return {image: task for task, index in zip(self.tasks, parts, strict=True)
                for image in part_indices(len(self.samples), **{**part, 'index': index})}

    # ---- what a data loader uses -------------------------------------------------------------------------------

    @property
    def metainfo(self) -> dict:
        """The data set's facts with its split and the names of its tasks."""
        return dict(deepcopy(self.METAINFO), dataset=type(self).__name__, split=self.split, tasks=list(self.tasks))

    def image_size(self) -> tuple[int, int] | None:
        """The height and width of its images after the pipeline, judged by eight of them; None if they differ."""
        positions = np.linspace(0, len(self) - 1, min(len(self), 8)).round().astype(int).tolist()
        sizes = {tuple(self[position]['inputs'].shape[-2:]) for position in positions}
        return sizes.pop() if len(sizes) == 1 else None

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, key: int | SampleKey) -> dict:
        position, epoch = key if isinstance(key, SampleKey) else (key, 0)
        index = self.indices[position]
        with _seeded(self.seed, epoch, index):
            sample = Compose(self.pipeline.transforms[self._num_fixed:])(self._decoded(position))
        if sample is None:
            raise DataError(f'a transform of the pipeline gave None for {str(self.path(self.samples[index]))!r}, '
                            f'expected a sample; remove transforms that reject images')
        return sample

    def keep_decoded(self, folder: str | Path, gib: float, num_processes: int = 1) -> int:
        """Decode each image once from now on, transforms before the first random one included.

        See :class:`~lhl.datasets.decoded_cache.DecodedCache`. Where no transform minds, images of 8 bits leave the
        pipeline as uint8 and class indices in a small type, so that fewer bytes go from process to process;
        :class:`~lhl.models.DensePreprocessor` makes of them, to the bit, what they are without the cache.

        Args:
            folder: Where there is room for the file, which has no name there.
            gib: The most that the samples may take, in GiB.
            num_processes: How many processes do the same.

        Returns:
            How many bytes they will take.

        Raises:
            UnsuitableError: If that is not safe or takes too much.
            DataError: If the first image cannot be used.
        """
        sample = self.samples[self.indices[0]]
        for path in (self.path(sample), *(self.path(sample, task) for task in self.tasks.values())):
            if not path.is_file():
                raise UnsuitableError(f'{str(path)!r} is no file of its own')
        with _seeded(self.seed):
            undisturbed = _draws()
        with _seeded(self.seed):
            first = encoded(self._load_fixed(0))
            if _draws() != undisturbed:
                raise UnsuitableError(f'{type(self).__name__} draws at random while it loads them')
        room_for_cache(first, len(self), folder, gib, num_processes)
        self.cache = DecodedCache(folder, first, len(self))
        return len(self) * num_bytes(first)

    def _decoded(self, position: int) -> dict:
        """Give a sample up to its first random transform, from the cache if there is one."""
        if self.cache is None:
            return self._load_fixed(position)
        arrays = self.cache.get(position)
        if arrays is None:
            arrays = encoded(self._load_fixed(position))
            self.cache.put(position, arrays)
        index, rest = self.indices[position], self.pipeline.transforms[self._num_fixed:]
        moves = [_declares(transform, 'moves_pixels') for transform in rest]
        if None in moves:  # it may even write into what it gets
            arrays = {key: array.copy() for key, array in arrays.items()}
        if not all(moves):
            arrays['image', ''] = from_levels(arrays['image', ''])
        targets = {name: arrays['targets', name] for name in self.tasks}
        for name, target in targets.items():
            task = type(self.tasks[name])
            if None in moves or (task.flip_target, task.zoom_target) != (Task.flip_target, Task.zoom_target):
                targets[name] = target if target.dtype.kind == 'f' else target.astype(np.int64)
        return dict(image=arrays['image', ''], targets=targets, tasks=self.tasks,
                    valid={name: arrays['valid', name] for name in self.tasks},
                    meta=dict(index=index, image_path=str(self.path(self.samples[index]))))

    def _load_fixed(self, position: int) -> dict:
        return Compose(self.pipeline.transforms[:self._num_fixed])(self._load(self.indices[position]))

    def _load(self, index: int) -> dict:
        """Load and check one image with its targets."""
        sample = self.samples[index]
        path = self.path(sample)
        try:
            image = checked_image(self.load_image(sample))
        except ValueError as error:
            raise DataError(f'image {str(path)!r} cannot be used: {error}') from error
        targets, valid = {}, {}
        for name, task in self.tasks.items():
            try:
                targets[name], valid[name] = self._load_target(sample, task, image.shape[:2])
            except ValueError as error:
                raise DataError(f'target {str(self.path(sample, task))!r} of task {name!r} cannot be used: '
                                f'{error}') from error
            if self.labelled_task.get(index, name) != name:
                targets[name][:], valid[name][:] = 0, False
        return dict(image=image, targets=targets, valid=valid, tasks=self.tasks,
                    meta=dict(index=index, image_path=str(path)))

    def _load_target(self, sample: Any, task: Task, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Load one target, check it against the size of its image, and clear its invalid pixels."""
        target, valid = self.load_target(sample, task)
        of_image = task.image_level
        expected = (*((1, 1) if of_image else size), *(() if target.dtype == np.int64 else (task.out_channels, )))
        if target.shape != expected:
            why = 'one for the whole image' if of_image else f'as its image is {size[0]} x {size[1]}'
            raise ValueError(f'found shape {target.shape}, expected {expected} {why}; '
                             f'{_shape_advice(target.shape, expected)}')
        valid = valid & task.has_target(target)
        task.check_target(target, valid)
        target[~valid] = 0
        # A zoom by 1 changes nothing but rounding: it restores the unit length of normals stored in half precision.
        return task.zoom_target(target, 1.0), valid


def part_indices(num_samples: int, index: int | Sequence[int], count: int, seed: int = 0) -> list[int]:
    """Cut a seeded permutation of ``num_samples`` into ``count`` even blocks and give block ``index``, sorted.

    Several indices give all their blocks.

    Raises:
        ConfigError: If there is no such part, or it would be empty.
    """
    parts = [index] if isinstance(index, int) else list(index)
    for part in parts:
        if not 0 <= part < count:
            raise ConfigError(f'part index {part} does not exist; the {count} parts are numbered from 0 to {count - 1}')
    if count > num_samples:
        raise ConfigError(f'{num_samples} images cannot be cut into {count} parts; ask for at most {num_samples}')
    # RandomState, not default_rng: its stream is frozen, so a part holds the same images with every version of numpy.
    permutation = np.random.RandomState(seed).permutation(num_samples)
    blocks = np.array_split(permutation, count)
    return sorted(np.concatenate([blocks[part] for part in parts]).tolist())


def _declares(transform: Any, attribute: str) -> bool | None:
    """Ask what a transform says of itself; a subclass that does something else says nothing."""
    return vars(type(transform)).get(attribute)


@contextmanager
def _seeded(*seeds: int) -> Iterator[None]:
    """Seed the global generators of Python, numpy and torch's CPU, and restore them afterwards.

    Restoring keeps the training process as it was when data is loaded without workers; in a worker nothing else draws,
    so the time for it is saved. ``torch.manual_seed`` would reset the GPU's generators too.
    """
    states = None if get_worker_info() else (random.getstate(), np.random.get_state(), torch.get_rng_state())
    for_python, for_numpy, for_torch = np.random.SeedSequence(seeds).generate_state(3).tolist()
    random.seed(for_python)
    np.random.seed(for_numpy)
    torch.default_generator.manual_seed(for_torch)
    try:
        yield
    finally:
        if states:
            random.setstate(states[0])
            np.random.set_state(states[1])
            torch.set_rng_state(states[2])


def _draws() -> tuple[float, float, float]:
    return random.random(), np.random.rand(), torch.rand(()).item()


def checked_image(image: np.ndarray) -> np.ndarray:
    """Refuse what is not ``(H, W, 3)`` with values in [0, 1]; what exceeds them by rounding is clipped."""
    if image.ndim != 3 or image.shape[2] != 3 or not image.size:
        advice = ('its channels are first: store np.moveaxis(array, 0, -1)' if image.ndim == 3 and image.shape[0] == 3
                else 'store RGB with the channels last')
        raise ValueError(f'found shape {image.shape}, expected (height, width, 3); {advice}')
    low, high = float(image.min()), float(image.max())
    if not np.isfinite((low, high)).all():
        count = int((~np.isfinite(image)).sum())
        raise ValueError(f'found {count} values that are NaN or infinite, expected numbers from 0 to 1; '
                         f'export the image again')
    if low < -1e-3 or high > 1 + 1e-3:
        advice = 'divide it by 255' if low >= 0 and 1 < high <= 255 else 'undo its normalisation'
        raise ValueError(f'found values from {low:g} to {high:g}, expected 0 to 1; {advice}')
    return image if low >= 0 and high <= 1 else np.clip(image, 0, 1)


def _shape_advice(found: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Return what would turn a target's shape into the expected one."""
    if len(expected) == 3 and found == (expected[2], *expected[:2]):
        return 'its channels are first: store np.moveaxis(array, 0, -1)'
    if len(found) == 3 and len(expected) == 2:
        return 'store one class index per pixel, without a channel axis'
    if found[:2] == expected[:2]:
        return 'check that the task reads the right folder'
    return 'export image and target at the same size'
