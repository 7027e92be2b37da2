"""Which views of Taskonomy are on the disk, in which of the shapes that people have it in, and of which split."""
import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lhl.errors import ConfigError, DataError, suggest

#: The buildings of the official "tiny" split that are not for training.
TINY = dict(val=('wiconisco', 'corozal', 'collierville', 'markleeville', 'darden'),
            test=('ihlen', 'muleshoe', 'uvalda', 'noxapater', 'mcdade'))
#: The views that are known to have a broken file in the release.
BROKEN = ('newfields/point_1070_view_8', 'muleshoe/point_399_view_5', 'woodbine/point_1096_view_6')
_FILE = 'point_{point}_view_{view}_domain_{token}.png'
#: Where the files lie, in the shapes in which people have the data set.
CONTAINERS = (f'{{domain}}/taskonomy/{{building}}/{_FILE}',  # Omnidata
              f'{{building}}_{{domain}}/{{domain}}/{_FILE}',  # the archives of each building
              f'{{building}}/{{domain}}/{_FILE}',
              f'{{domain}}/{{building}}/{_FILE}',  # taskgrouping
              f'{{domain}}/{{building}}_{_FILE}')  # Visual Token Matching


class View(NamedTuple):
    """What identifies an image."""

    building: str
    point: int
    view: int

    def __str__(self) -> str:
        return f'{self.building}/point_{self.point}_view_{self.view}'


def view_path(container: str, view: View, domain: str) -> str:
    """The path of a view's file below the folder of the data set."""
    return container.format(domain=domain, token=_token(domain), **view._asdict())


def find_container(root: Path) -> str:
    """Return which of the :data:`CONTAINERS` the images of a folder lie in."""
    if not root.is_dir():
        raise DataError(f'{str(root)!r} is not a folder, expected the one that the domains or the buildings of '
                        f'Taskonomy were unpacked into; name it, in a config as data_root')
    for container in CONTAINERS:
        if any(root.glob(_pattern(container, 'rgb', '*'))):
            return container
    expected = ' or '.join(view_path(container, View('BUILDING', 0, 0), 'rgb') for container in CONTAINERS)
    raise DataError(f'{str(root)!r} holds no images of Taskonomy, expected {expected}; name the folder that holds '
                    f'these, and unpack the domain rgb')


def find_buildings(root: Path, container: str) -> list[str]:
    """Return the buildings that have a folder of images, or images where there are no such folders, in order."""
    folder = container.rpartition('/')[0]
    template = folder if '{building}' in folder else container
    regex = re.compile(_regex(template, 'rgb'))
    paths = root.glob(_pattern(template, 'rgb', '*'))
    matches = (regex.fullmatch(path.relative_to(root).as_posix()) for path in paths)
    return sorted({match['building'] for match in matches if match})


def find_views(root: Path, container: str, domain: str, buildings: Sequence[str]) -> set[View]:
    """Find the views of some buildings that have a file in a domain."""
    regex = re.compile(_regex(container, domain))
    found = set()
    for building in buildings:
        for path in root.glob(_pattern(container, domain, building)):
            match = regex.fullmatch(path.relative_to(root).as_posix())
            if match and match['building'] == building:
                found.add(View(building, int(match['point']), int(match['view'])))
    return found


def split_buildings(buildings: Mapping[str, Sequence[str]] | str | Path, split: str, found: Sequence[str]) -> list[str]:
    """Return the buildings of a split, of those that were found on the disk.

    Raises:
        ConfigError: If the split is not described.
        DataError: If a building that was named is not there, or the .csv file cannot be read.
    """
    if buildings == 'tiny':
        others = {name for names in TINY.values() for name in names}
        return [name for name in found if (name in TINY[split] if split in TINY else name not in others)]
    if not isinstance(buildings, Mapping):
        wanted = _read_split_file(Path(buildings).expanduser(), split)
        return [name for name in found if name in wanted]
    if split not in buildings:
        raise ConfigError(f'buildings names no {split!r} buildings; {suggest(split, buildings)}')
    for name in buildings[split]:
        if name not in found:
            raise DataError(f'building {name!r} of split {split!r} has no images, found '
                            f'{", ".join(found[:20])}{" ..." if len(found) > 20 else ""}; {suggest(name, found)}')
    return list(buildings[split])


def read_skip_list(skip: Sequence[str] | str | Path) -> frozenset[View]:
    """Read the views to skip, in addition to the :data:`BROKEN` ones."""
    if isinstance(skip, str | Path):
        try:
            skip = Path(skip).expanduser().read_text().split()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f'the skip list {str(skip)!r} cannot be read ({error}), expected a text file; '
                            f'give its path, or a list of views') from error
    views = set()
    for line in (*BROKEN, *skip):
        match = re.fullmatch(r'([^/]+)/point_(\d+)_view_(\d+)', line)
        if not match:
            raise ConfigError(f'skip holds {line!r}, expected views such as {BROKEN[0]!r}')
        views.add(View(match[1], int(match[2]), int(match[3])))
    return frozenset(views)


def _read_split_file(path: Path, split: str) -> set[str]:
    try:
        with path.open(newline='') as file:
            rows = list(csv.DictReader(file.read().splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f'the buildings {str(path)!r} cannot be read ({error}), expected a .csv file of the official '
                        f"splits; give its path, dict({split}=[...]) or 'tiny'") from error
    if not rows or not {'id', split} <= rows[0].keys():
        raise DataError(f'the buildings {str(path)!r} have the columns {", ".join(rows[0]) if rows else "of no row"}, '
                        f'expected id, train, val, test; take a file of the official splits')
    return {row['id'] for row in rows if row[split] == '1'}


def _token(domain: str) -> str:
    """What a file's name calls a domain."""
    return 'segmentsemantic' if domain == 'segment_semantic' else domain


def _pattern(container: str, domain: str, building: str) -> str:
    return container.format(domain=domain, token=_token(domain), building=building, point='*', view='*')


def _regex(container: str, domain: str) -> str:
    return container.replace('.', r'\.').format(domain=domain, token=_token(domain), building=r'(?P<building>[^/]+)',
                                                point=r'(?P<point>\d+)', view=r'(?P<view>\d+)')
