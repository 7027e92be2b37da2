"""What a layout on disk is: which files a picture has, and what is in them."""
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from lhl.synthetic.rooms.renderer import render
from lhl.synthetic.rooms.room_view import RoomView


class DiskLayout:
    """The files of one data set, as its users have them on disk, filled with rendered scenes.

    A subclass is one data set: its folders, file names and encodings. Nothing but the folder remembers a layout, so
    all methods are functions of their arguments.
    """

    #: The classes of its label, in the order of their indices.
    classes: ClassVar[tuple[str, ...]]

    def render(self, seed: np.random.SeedSequence, height: int, width: int) -> RoomView:
        """Draw one picture: a furnished room, unless a data set shows something else."""
        return render(seed, height, width)

    def paths(self, split: str, index: int) -> dict[str, Path]:
        """Return the files of a picture, relative to the folder; the image is last, so it marks a complete picture."""
        raise NotImplementedError(f'{type(self).__name__} must define paths')

    def contents(self, view: RoomView, invalid_pixels: bool) -> dict[str, bytes]:
        """Encode a picture, a file for each of :meth:`paths`.

        Args:
            view: The picture with its ground truth.
            invalid_pixels: Leave holes where an annotator or a sensor would, in whatever way the data set marks them.
        """
        raise NotImplementedError(f'{type(self).__name__} must define contents')

    def sizes(self, height: int, width: int) -> dict[str, int]:
        """Return how many bytes each file has, where all of a kind have equally many."""
        return {}

    def lists(self, counts: Mapping[str, int]) -> dict[Path, bytes]:
        """Return the files that list the pictures of each split; written last, and again when the data set grows."""
        return {}

    def labels(self, folder: Path, split: str, index: int) -> np.ndarray:
        """Read the classes of a picture back, ``(H, W)`` indices into :attr:`classes`, -1 where unlabelled."""
        raise NotImplementedError(f'{type(self).__name__} must define labels')


def name_lists(folder: str, counts: Mapping[str, int], name: Callable[[str, int], str]) -> dict[Path, bytes]:
    """Return the files that list the names of each split's pictures, one per line."""
    return {Path(folder, f'{split}.txt'): ''.join(f'{name(split, index)}\n' for index in range(count)).encode()
            for split, count in counts.items()}
