"""Which files belong together: folders, how their files are called, and the images to train and to validate on."""
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from lhl.datasets.folder import find_files, place_of_name
from lhl.errors import DataError

#: What folders inside the folder of the images are called where the split is made already.
SPLIT_NAMES = dict(train=('train', 'training'), val=('val', 'valid', 'validation', 'test', 'testing'))
#: So many sub-folders are each kept whole: they may be videos, or rooms.
MIN_FOLDERS = 5


@dataclass(frozen=True)
class Folder:
    """A folder with the files of the images or of a task.

    Args:
        path: Where it is.
        name: How a file is called, ``{}`` stands for the name of its image.
        files: By the name of their image.
    """

    path: Path
    name: str
    files: dict[str, Path]

    @classmethod
    def find(cls, given: str | Path) -> 'Folder':
        """Look for the files of a folder.

        Args:
            given: A folder, or one with the name of its files, ``rooms/{}_depth``.

        Raises:
            DataError: If it is missing or holds no such file.
        """
        path, name = Path(given), '{}'
        if '{}' in path.name:
            path, name = path.parent, path.name
        if not path.is_dir():
            raise DataError(f'{str(path)!r} is no folder; give the one with the files, such as data/mine/depth')
        return cls(path, name, find_files(path, '.', name))

    def called(self, name: str) -> 'Folder':
        """Look for files of another name."""
        return Folder(self.path, name, find_files(self.path, '.', name))

    def names(self) -> list[str]:
        """How its files may be called: as their image, or with what all of them begin and end with besides."""
        if self.name != '{}' or len(self.files) < 2:
            return [self.name]
        stems = [name.rpartition('/')[2] for name in self.files]
        before = os.path.commonprefix(stems).rstrip('0123456789')
        after = os.path.commonprefix([stem[len(before):][::-1] for stem in stems])[::-1].lstrip('0123456789')
        return list(dict.fromkeys(['{}', f'{{}}{after}', f'{before}{{}}', f'{before}{{}}{after}']))


def paired(images: Folder, targets: Mapping[str, Folder]) -> tuple[Folder, dict[str, Folder]]:
    """Find under which names the targets of all tasks belong to the images.

    Args:
        images: The images.
        targets: By task.

    Raises:
        DataError: If the files of a folder belong to no image.
    """
    found: dict[tuple[str, str], dict[str, Folder]] = {}
    read = {name: images.called(name) for name in images.names()}
    for (task, folder), (name, of_images) in product(targets.items(), read.items()):
        called = [folder if other == folder.name else folder.called(other) for other in folder.names()]
        best = max(called, key=lambda other: len(other.files.keys() & of_images.files.keys()))
        found.setdefault((name, of_images.name), {})[task] = best

    def pairs(name: str, task: str) -> int:
        return len(found[name, name][task].files.keys() & read[name].files.keys())

    best_name = max(read, key=lambda name: (min(pairs(name, task) for task in targets),
                                            sum(pairs(name, task) for task in targets)))
    lonely = [task for task in targets if not pairs(best_name, task)]
    if lonely:
        task = lonely[0]
        raise DataError(
            f'none of the {len(targets[task].files)} files in {str(targets[task].path)!r} has the name of an image in '
            f'{str(images.path)!r}: found {min(targets[task].files)!r}, expected names such as '
            f'{min(images.files)!r}; rename them, or say what they are called, such as {task}='
            f'{targets[task].path}/{{}}_{task}')
    return read[best_name], found[best_name, best_name]


@dataclass(frozen=True)
class Split:
    """Which images are trained on, and which are validated on.

    Args:
        names: The names of the images of ``'train'`` and ``'val'``.
        folders: The sub-folders that hold the splits; empty where a hash of the names divides the images.
        options: Of the data set.
        how: In words.
    """

    names: dict[str, frozenset[str]]
    folders: dict[str, str]
    options: dict[str, Any]
    how: str


def split_images(images: Folder, targets: Mapping[str, Folder]) -> Split:
    """Take the split that the folders have, or divide the images so that each task has a fifth to validate on.

    Raises:
        DataError: If a task has too few targets.
    """
    tops = {name.partition('/')[0] if '/' in name else '' for name in images.files}
    folders = {split: next((name for name in names if name in tops), '') for split, names in SPLIT_NAMES.items()}
    labelled = {task: folder.files.keys() & images.files.keys() for task, folder in targets.items()}
    if all(folders.values()) and '' not in tops:
        names = {split: frozenset(name for name in images.files if name.startswith(f'{folder}/'))
                 for split, folder in folders.items()}
        for task, (split, of_split) in product(targets, names.items()):
            if not labelled[task] & of_split:
                raise DataError(f'{task} has no target for the images in {images.path / folders[split]}; add some to '
                                f'{targets[task].path / folders[split]}')
            if split == 'train' and len(labelled[task] & of_split) < 2:
                raise DataError(f'{task} has a target for one image in {images.path / folders[split]}, expected at '
                                f'least 2 to train on; add some to {targets[task].path / folders[split]}')
        return Split(names, folders, {}, f'the folders {folders["train"]}/ and {folders["val"]}/')
    for task, of_task in labelled.items():
        if len(of_task) < 4:
            raise DataError(f'{task} has targets for {len(of_task)} images, expected at least 4, to train and to '
                            f'validate on; add some to {targets[task].path}')
    parents = {os.path.dirname(name) for name in images.files}
    ways: dict[str, Callable[[str], str]] = dict(image=str)
    if len(parents) >= MIN_FOLDERS:
        ways = dict(folder=os.path.dirname, **ways)
    for by, key in ways.items():
        for seed in range(200):
            val = frozenset(name for name in images.files if place_of_name(key(name), seed) >= 0.8)
            shares = [len(of_task & val) / len(of_task) for of_task in labelled.values()]
            if all(0.1 <= share <= 0.35 for share in shares):
                options = dict(splits=dict(train=0.8, val=0.2), split_by=by, split_seed=seed)
                how = 'whole sub-folders' if by == 'folder' else 'single images'
                return Split(dict(train=frozenset(images.files) - val, val=val), {}, options,
                             f'{how} by a hash of their names')
    raise DataError(f'the images with targets for {", ".join(targets)} cannot be divided into training and '
                    f'validation; sort the images into {images.path}/train and {images.path}/val, and the targets '
                    f'likewise')
