"""What does a folder hold: nothing yet, a SynthRooms data set that can be continued, or something else?"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from lhl.errors import DataError

FILE_NAME = 'synth_rooms.json'
FORMAT = 'SynthRooms'
SPLITS = ('train', 'val')
#: Increase it by one whenever the same seed starts to give other pixels.
VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """The record of a data set, stored beside its splits.

    Args:
        seed: The seed all pictures derive from.
        height: Rows of every picture.
        width: Columns of every picture.
        invalid_pixels: Whether borders are unlabelled and depth and normals have holes.
        counts: Split name -> number of pictures that are, or while ``complete`` is False are going to be, there.
        complete: Whether all of them are written.
        class_shares: Split name -> class name -> share of the pixels; empty until complete.
        version: The version of the renderer.
        layout: Of which data set the files are an image; a key of ``disk_layouts.LAYOUTS``.
    """

    seed: int
    height: int
    width: int
    invalid_pixels: bool
    counts: dict[str, int]
    complete: bool
    class_shares: dict[str, dict[str, float]]
    version: int = VERSION
    layout: str = 'nyuv2'

    @property
    def kind(self) -> str:
        """What two data sets must agree in to be the same one, in words."""
        holes = 'with' if self.invalid_pixels else 'without'
        return (f'layout {self.layout}, seed {self.seed}, {self.height} x {self.width} pixels, {holes} invalid pixels, '
                f'version {self.version}')

    @property
    def amount(self) -> str:
        """How many pictures, in words."""
        return ' and '.join(f'{count} {split}' for split, count in self.counts.items()) + ' images'

    def write(self, folder: Path) -> None:
        """Store the record in ``folder``, whole or not at all."""
        text = json.dumps({'format': FORMAT, **asdict(self)}, indent=2) + '\n'
        write_whole(folder / FILE_NAME, text.encode())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it has its name only once it is complete."""
    temporary = path.with_name(path.name + '.tmp')
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_manifest(folder: Path) -> Manifest | None:
    """The record of a SynthRooms folder, or None for an empty or missing one.

    Raises:
        DataError: The folder holds something else.
    """
    if not folder.exists():
        return None
    if not folder.is_dir():
        raise DataError(f'{folder} is a file, but a folder for the data set was expected; name another path')
    path = folder / FILE_NAME
    if not path.exists():
        other = next(folder.iterdir(), None)
        if other is not None:
            raise DataError(f'{folder} holds {other.name!r} but no {FILE_NAME}, '
                            'so it is not a SynthRooms data set; name a new or empty folder')
        return None
    try:
        record = json.loads(path.read_text())
        if record.pop('format') != FORMAT:
            raise ValueError
        manifest = Manifest(**record)
        if set(manifest.counts) != set(SPLITS):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f'{path} is not the record of a SynthRooms data set; name a new or empty folder') from None
    return manifest
