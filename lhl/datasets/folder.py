"""Your own images: a folder of pictures and a folder per task, whose encodings a few lines of the config declare."""
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from mmengine.logging import print_log

from lhl.errors import ConfigError, DataError, suggest
from lhl.registry import DATASETS
from lhl.tasks import Task

from .base import DenseDataset
from .io.files import IMAGE_SUFFIXES, load_image_file, load_npy, load_picture
from .io.split_lists import read_lines, refuse_repetitions
from .io.target_files import TargetFiles, check_file_name
from .io.target_pictures import load_class_indices

JPEG = ('.jpg', '.jpeg')


@DATASETS.register_module()
class FolderDataset(DenseDataset):
    """Images of a folder with targets of other folders, matched by name, in PNG, JPEG, TIFF and NPY files.

    The name of an image is its path below its folder without the suffix, ``room1/0001``. Images that have no target
    for any of the tasks are skipped; one that has some has no valid pixel for the others.

    Args:
        images: The folder of the images, or ``dict(folder='.', name='{}_rgb')`` where files have names of their own.
        targets: A :class:`TargetFiles` for each task: ``dict(depth=dict(folder='depth', scale=0.001, invalid=0))``.
        splits: How much each split gets, ``dict(train=0.8, val=0.2)``, or text files below ``data_root`` that list its
            images by name, one per line, ``dict(train='train.txt', val='val.txt')``. With shares, the name alone
            decides: adding images never moves one from a split to another.
        split_by: Share out single images, or ``'folder'``: whole sub-folders, so that the frames of a video or the
            views of a room stay together.
        split_seed: Share them out in another way.
        kwargs: See :class:`~lhl.datasets.base.DenseDataset`.
    """

    def __init__(self, *args: Any, targets: Mapping[str, Mapping], images: str | Mapping = 'images',
                 splits: Mapping[str, float | str] | None = None, split_by: Literal['image', 'folder'] = 'image',
                 split_seed: int = 0, **kwargs: Any) -> None:
        self.splits = dict(splits or dict(train=0.8, val=0.2))
        self.SPLITS = tuple(self.splits)
        _check_splits(self.splits, split_by)
        self.split_by, self.split_seed = split_by, split_seed
        self.target_files = {name: TargetFiles.from_config(name, config) for name, config in targets.items()}
        self.image_folder, self.image_name = _image_files(images)
        super().__init__(*args, **kwargs)
        whole = len(self.indices)
        self.indices = [index for index in self.indices if self._has_target(index)]
        self._report_skipped(whole)

    def list_samples(self) -> list[str]:
        """Return the names of the images of the split, after finding the files of all tasks."""
        for name in self.tasks:
            if name not in self.target_files:
                raise ConfigError(f'FolderDataset has no targets for task {name!r}; '
                                  f'{suggest(name, self.target_files)} (or declare targets=dict({name}=dict(...)))')
        self.require_data_root(f'{self.image_folder}/')
        self.image_paths = find_files(self.data_root, self.image_folder, self.image_name)
        self.target_paths = {name: find_files(self.data_root, files.folder, files.name)
                             for name, files in self.target_files.items() if name in self.tasks}
        for name, paths in self.target_paths.items():
            if not paths.keys() & self.image_paths.keys():
                raise DataError(f'no file of {str(self.data_root / self.target_files[name].folder)!r} belongs to an '
                                f'image: found {min(paths)!r}, expected names such as {min(self.image_paths)!r}; '
                                f"rename them, or say what they add to it, such as name='{{}}_{name}'")
        chosen = self.splits[self.split]
        names = self._listed(chosen) if isinstance(chosen, str) else self._shared_out()
        if not names:
            raise DataError(f'split {self.split!r} gets none of the {len(self.image_paths)} images in '
                            f'{str(self.data_root / self.image_folder)!r}; list its images in a file instead, '
                            f"splits=dict({self.split}='{self.split}.txt', ...)")
        return names

    def path(self, sample: str, task: Task | None = None) -> Path:
        """The target file of this name, or the folder if it is missing."""
        if task is None:
            return self.image_paths[sample]
        return self.target_paths[task.name].get(sample, self.data_root / self.target_files[task.name].folder)

    def load_image(self, sample: str) -> np.ndarray:
        """Load an image of 8 or 16 bits, or of floats from 0 to 1."""
        return load_image_file(self.path(sample))

    def load_target(self, sample: str, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Load a target and decode it as the config says."""
        files, path = self.target_files[task.name], self.path(sample, task)
        raw = files.choose_channels(self._read(path, _holds_classes(task) and files.holds_numbers))
        if not _holds_classes(task):
            return files.decode_values(raw, task.out_channels)
        if path.suffix.lower() in JPEG:
            raise ValueError('found a JPEG, whose compression invents classes, expected PNG, TIFF or NPY; '
                             'export the labels again')
        return files.decode_classes(raw, task.out_channels)

    @staticmethod
    def _read(path: Path, numbers: bool) -> np.ndarray:
        """Read a target as it is stored; of a PNG with a palette, the numbers or the colours."""
        suffix = path.suffix.lower()
        if suffix == '.npy':
            return load_npy(path)
        return load_class_indices(path) if numbers and suffix == '.png' else load_picture(path)

    def _load_target(self, sample: str, task: Task, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Load one target; no pixel of a missing one is valid."""
        if sample in self.target_paths[task.name]:
            return super()._load_target(sample, task, size)
        nothing = (np.zeros(size, np.int64) if _holds_classes(task)
                   else np.zeros((*size, task.out_channels), np.float32))
        return nothing, np.zeros(size, bool)

    def _has_target(self, index: int) -> bool:
        """Return whether there is something to learn from an image."""
        labelled = [self.labelled_task[index]] if self.labelled_task else self.tasks
        return not self.tasks or any(self.samples[index] in self.target_paths[name] for name in labelled)

    def _report_skipped(self, whole: int) -> None:
        """Log how many images are skipped, and refuse a split of which none is left."""
        tasks = ' or '.join(self.tasks)
        if not self.indices:
            raise DataError(f'none of the {whole} images of the split {self.split!r} has a target for {tasks}; '
                            f'add targets, or remove the task')
        if len(self.indices) < whole:
            print_log(f'{self.data_root}, {self.split}: {whole - len(self.indices)} of {whole} images are skipped, as '
                      f'they have no target for {tasks}', logger='current')

    def _shared_out(self) -> list[str]:
        """Choose the images of the split by a hash of their names."""
        end = np.cumsum(list(self.splits.values()))
        end[-1] = 1
        number = list(self.splits).index(self.split)
        start = end[number - 1] if number else 0
        return [name for name in sorted(self.image_paths) if start <= place_of_name(
            os.path.dirname(name) if self.split_by == 'folder' else name, self.split_seed) < end[number]]

    def _listed(self, file: str) -> list[str]:
        """Read the names of the images of the split from a text file."""
        path = self.data_root / file
        self.lists = [path]
        names = [_without_suffix(line) for line in read_lines(path, 'write the name of one image per line into it')]
        refuse_repetitions(path, names)
        missing = [name for name in names if name not in self.image_paths]
        if missing:
            raise DataError(f'list {str(path)!r} has {len(missing)} names without an image, such as {missing[0]!r}; '
                            f'write names as they are below {self.image_folder}/, such as '
                            f'{min(self.image_paths)!r}')
        return names


def _check_splits(splits: Mapping[str, float | str], split_by: str) -> None:
    """Refuse splits that are not all lists, or shares of one whole."""
    shares = [share for share in splits.values() if not isinstance(share, str)]
    if shares and (len(shares) < len(splits) or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6):
        raise ConfigError(f'splits={splits} is neither one list of images per split nor shares that add up to 1; '
                          f'give dict(train=0.8, val=0.2) or dict(train=\'train.txt\', val=\'val.txt\')')
    if split_by not in ('image', 'folder'):
        raise ConfigError(f"split_by={split_by!r} is unknown; use 'image' or 'folder'")


def place_of_name(name: str, seed: int) -> float:
    """A number in [0, 1) that a name always gets."""
    return int.from_bytes(hashlib.sha256(f'{seed}/{name}'.encode()).digest()[:6], 'big') / 2**48


def _image_files(images: str | Mapping) -> tuple[str, str]:
    """Read where the images are and how they are called."""
    config = dict(folder=images) if isinstance(images, str) else dict(images)
    for option in config:
        if option not in ('folder', 'name'):
            raise ConfigError(f'images has an unknown option {option!r}; {suggest(option, ("folder", "name"))}')
    folder, name = config.get('folder', '.'), config.get('name', '{}')
    check_file_name('images', name)
    return folder, name


def find_files(root: Path, folder_name: str, file_name: str) -> dict[str, Path]:
    """Find the files of a folder and its sub-folders by the name of their image."""
    folder = root / folder_name
    if not folder.is_dir():
        raise DataError(f'folder {str(folder)!r} is missing, expected {folder_name}/ in data_root; check its name')
    before, after = file_name.split('{}')
    found: dict[str, Path] = {}
    for path in _pictures(folder):
        name = path.name if _without_suffix(after) != after else path.stem
        if not (name.startswith(before) and name.endswith(after) and len(name) > len(before) + len(after)):
            continue
        name = (path.relative_to(folder).parent / name[len(before):len(name) - len(after)]).as_posix()
        if name in found:
            raise DataError(f'{str(found[name])!r} and {str(path)!r} have the same name; keep one of them, or add the '
                            f"suffix to the name, such as name='{file_name}{path.suffix}'")
        found[name] = path
    if not found:
        raise DataError(f'folder {str(folder)!r} holds no file called {file_name} of type {", ".join(IMAGE_SUFFIXES)}; '
                        f'check the folder and the name')
    return found


def _pictures(folder: Path) -> Iterable[Path]:
    """Walk through the readable files below a folder in a fixed order, links to folders included."""
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        for name in sorted(names):
            if not name.startswith('.') and name.lower().endswith(IMAGE_SUFFIXES):
                yield Path(parent, name)


def _without_suffix(name: str) -> str:
    """Cut off the suffix of a readable file."""
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in IMAGE_SUFFIXES else name


def _holds_classes(task: Task) -> bool:
    """Return whether a task's target is a map of class indices."""
    return bool(task.classes)
