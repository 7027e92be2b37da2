"""The files that a data set names as its sources are those that it opens, by the record of Python itself."""
import sys
from pathlib import Path

import pytest

from lhl.apis.dataset_check.manifest import find_source_files

from .folder_files import folder, write_folder
from .nyud_files import nyud, write_nyud
from .nyuv2_files import nyuv2, write_nyuv2
from .pascal_context_files import pascal, write_pascal
from .taskonomy_files import only, taskonomy, write_taskonomy

_OPENED: list[str] = []
_LISTENING: list[bool] = []


def _note(event, arguments):
    if event == 'open' and _LISTENING and isinstance(arguments[0], str | Path):
        _OPENED.append(str(arguments[0]))


sys.addaudithook(_note)


def opened_below(root, build):
    """Build a data set, load all its samples, and see which files below a folder were opened."""
    _OPENED.clear()
    _LISTENING.append(True)
    try:
        dataset = build(root)
        for position in range(len(dataset)):
            dataset[position]
    finally:
        _LISTENING.clear()
    return dataset, sorted(path for path in map(Path, set(_OPENED)) if path.is_relative_to(root) and path.is_file())


@pytest.mark.parametrize('write, build', [
    (write_nyuv2, nyuv2), (write_nyud, nyud), (write_pascal, pascal),
    (lambda root: write_folder(root), folder),
    (write_taskonomy, taskonomy), (write_taskonomy, lambda root: taskonomy(root, tasks=only('normal'))),
    (write_taskonomy, lambda root: taskonomy(root, tasks=only('keypoints2d')))],
    ids=['nyuv2', 'nyud', 'pascal', 'folder', 'taskonomy', 'taskonomy, masked', 'taskonomy, without a mask'])
def test_the_sources_are_what_is_opened(tmp_path, write, build):
    write(tmp_path)
    dataset, opened = opened_below(tmp_path, build)
    assert find_source_files([dataset]) == opened != []
