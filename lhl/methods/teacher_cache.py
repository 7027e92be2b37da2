"""What a teacher has said about the images of a phase: kept, so that it is asked once about each of their variants."""
import os
import platform
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.dist import get_world_size
from mmengine.logging import print_log
from torch import Tensor

from lhl.models import Batch

#: How raw outputs are kept. ``'exact'``: in float32, and only where training stays the same to the last bit.
PRECISIONS = ('exact', 'float32', 'float16')
#: Of the disk's free room, how much a cache may take: checkpoints need some, too.
_SHARE_OF_DISK = 0.5
_FILES = '.teacher_*.cache'


@dataclass
class _Shelf:
    """The raw outputs of one head."""

    rows: Tensor  #: ``(places, C h w)``, as they lie in memory
    filled: Tensor  #: ``(places, )`` bool
    shape: torch.Size  #: ``(C, h, w)``
    strides: tuple[int, ...]  #: of one image's raw output: an upsampling rounds by the layout


class TeacherCache:
    """Raw outputs of a teacher's heads ``(C, h, w)`` for each image of a data set, as it is and mirrored.

    Raw outputs are what is smallest: a map of a stride of 8 has a 64th of the pixels, and classes, probabilities and
    values all follow from it. They are kept in memory where ``memory_gib`` suffices and one process trains, otherwise
    in a file in the work_dir, which the processes of a host share; where the disk has no room, they are not kept. What
    is valid is known in memory alone, and the file of a single process has no name, so that nothing that a killed
    process has half written is ever read, and none of it stays.

    Args:
        indices: The indices in the data set of the images of the phase.
        num_variants: 1, or 2 where an image may be mirrored.
        batch_size: Of a full batch: in batches of another size convolutions may round otherwise, so ``'exact'`` leaves
            those alone.
        precision: One of :data:`PRECISIONS`.
        memory_gib: The most memory that it takes.
        folder: Of the file.
        token: Names the file, the same on all processes.
    """

    def __init__(self, indices: Iterable[int], num_variants: int, batch_size: int, precision: str, memory_gib: float,
                 folder: str | Path, token: str) -> None:
        self._slots = {index: slot for slot, index in enumerate(indices)}
        self.num_variants = num_variants
        self.batch_size = batch_size
        self.is_exact = precision == 'exact'
        self.dtype = torch.float16 if precision == 'float16' else torch.float32
        self.budget = int(memory_gib * 2**30)
        self.stem = Path(folder, f'.teacher_{token}_{platform.node()}')
        self.is_open = True
        self._form: tuple | None = None
        self._shelves: dict[str, _Shelf] = {}
        self._files: list[Path] = []

    def places(self, batch: Batch) -> Tensor | None:
        """Say where what is known of a batch's images is kept, ``(B, )`` int64; None where nothing can be.

        That are images that are not of the data set, and batches unlike the first one: of other image sizes or
        precision, or, where training must stay exact, not full.
        """
        inputs, device = batch.inputs, batch.inputs.device.type
        form = inputs.shape[1:], torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device)
        slots = [self._slots.get(meta.get('index', -1), -1) for meta in batch.meta]
        if len(slots) != len(inputs) or min(slots) < 0:
            return None
        self._form = self._form or form
        if not self.is_open or form != self._form or (self.is_exact and len(inputs) != self.batch_size):
            return None
        if self.num_variants == 1:
            return torch.tensor(slots)
        return torch.tensor([2 * slot + bool(meta.get('flip'))
                             for slot, meta in zip(slots, batch.meta, strict=True)])

    @property
    def is_empty(self) -> bool:
        """Whether nothing was stored yet."""
        return not self._shelves

    def knows(self, heads: Sequence[str], places: Tensor) -> bool:
        """Say whether the raw outputs of some heads are kept for all of some places."""
        return all(head in self._shelves and bool(self._shelves[head].filled[places].all()) for head in heads)

    def recall(self, heads: Sequence[str], places: Tensor, device: torch.device) -> dict[str, Tensor]:
        """Give what :meth:`store` was given, ``(B, C, h, w)`` float32 in the same layout, by the head's name."""
        raw = {}
        for head in heads:
            shelf = self._shelves[head]
            rows = shelf.rows[places].to(device).float()
            raw[head] = rows.as_strided((len(places), *shelf.shape), (rows.shape[1], *shelf.strides))
        return raw

    def store(self, raw: Mapping[str, Tensor], places: Tensor) -> None:
        """Keep the raw outputs ``(B, C, h, w)`` of some heads; where there is no room, close the cache."""
        new = {head: values for head, values in raw.items() if head not in self._shelves}
        if new and not self._make_room(new):
            self.close()
            return
        for head, values in raw.items():
            shelf = self._shelves[head]
            shelf.rows[places] = values.as_strided((len(values), values[0].numel()), (values[0].numel(), 1)).to(
                'cpu', self.dtype)
            shelf.filled[places] = True  # after the values: other processes look at it

    def close(self) -> None:
        """Forget everything, and remove the files."""
        self.is_open = False
        self._shelves.clear()
        for path in self._files:
            path.unlink(missing_ok=True)

    def _make_room(self, raw: Mapping[str, Tensor]) -> bool:
        """Make a shelf for each head, in memory or else on the disk, and say in the log which and why."""
        count = len(self._slots) * self.num_variants
        itemsize = torch.empty((), dtype=self.dtype).element_size()
        sizes = {head: count * (values[0].numel() * itemsize + 1) for head, values in raw.items()}
        total, num_processes = sum(sizes.values()), get_world_size()
        what = (f'{total / 2**20:.1f} MiB for {count} variants of images, {len(raw)} heads in '
                f'{str(self.dtype).removeprefix("torch.")}')
        if num_processes == 1 and total <= self.budget:
            self.budget -= total
            where, allocate = f'in memory (of {self.budget / 2**20:.0f} MiB left)', _in_memory
        else:
            why = (f'teacher.memory_gib leaves {self.budget / 2**20:.0f} MiB' if num_processes == 1 else
                   f'{num_processes} processes share them')
            free = shutil.disk_usage(self.stem.parent).free
            if total > _SHARE_OF_DISK * free:
                _log(f'not kept: {what}; {why}, and the disk of {self.stem.parent} has {free / 2**20:.0f} MiB free, of '
                     f'which it takes half at most')
                return False
            where, allocate = f'in a file of {self.stem.parent} ({why})', self._on_disk
        try:
            for head, values in raw.items():
                memory = allocate(sizes[head])
                rows = memory[:-count].view(self.dtype).view(count, -1)
                self._shelves[head] = _Shelf(rows, memory[-count:].view(torch.bool), values.shape[1:],
                                             values.stride()[1:])
        except (OSError, RuntimeError) as error:
            _log(f'not kept: {what}; there is no room {where} ({error})')
            return False
        _log(f'kept {where}: {what}')
        return True

    def _on_disk(self, size: int) -> Tensor:
        """Map a new file, which the other processes of the host map, too; the room for it is there from the start."""
        path = self.stem.with_name(f'{self.stem.name}_{len(self._files)}.cache')
        self._files.append(path)
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
            return torch.from_file(str(path), shared=True, size=size, dtype=torch.uint8)
        finally:
            os.close(descriptor)
            if get_world_size() == 1:
                path.unlink()


def _in_memory(size: int) -> Tensor:
    return torch.zeros(size, dtype=torch.uint8)


def remove_leftovers(folder: str | Path) -> None:
    """Remove the files that killed processes have left in a phase's work_dir."""
    for path in Path(folder).glob(_FILES):
        path.unlink(missing_ok=True)


def _log(sentence: str) -> None:
    print_log(f"the teacher's answers are {sentence}", logger='current')


def log_uncached(reason: str) -> None:
    """Say in the log why nothing is kept."""
    _log(f'not kept: {reason}')
