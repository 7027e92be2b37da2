"""From folders of images and targets to a config that trains, with what was found and a check of all files."""
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lhl.atomic import atomic_write
from lhl.config_files import read_config
from lhl.datasets.io.files import load_image_file
from lhl.datasets.io.target_files import TargetFiles
from lhl.engine.checkpoint import image_sizes
from lhl.engine.plan import Stream
from lhl.engine.plan.data import check_data
from lhl.engine.sources.base import Source
from lhl.engine.sources.extend import extended_config, source_to_extend
from lhl.errors import ConfigError, DataError, LHLError

from ..dataset_check import Report, check_dataset
from .axes import find_axes
from .contents import read_content
from .encodings import Encoding, encoding_of, kind_of
from .pairing import Folder, Split, paired, split_images
from .writing import Code, config_text, model_text

JPEG = ('.jpg', '.jpeg')
#: The longest side for the network, and what its sides are multiples of.
LONGEST, MULTIPLE = 512, 8
#: So many images are looked at for their size.
LOOKED_AT = 50


@dataclass(frozen=True)
class NewConfig:
    """A config that was written.

    Args:
        path: The file.
        found: What was found, a line each.
        report: On all files.
        report_folder: Where it is.
    """

    path: Path
    found: list[str]
    report: Report
    report_folder: Path


def new_config(name: str, images: str | Path, targets: Sequence[str], extend: str | Path | None = None,
               classes: Mapping[str, Sequence[str]] | None = None, imagenet: bool = False) -> NewConfig:
    """Write the config of a stream, or of the new tasks for a trained run, and check its data.

    Args:
        name: Of the config, which becomes ``NAME.py``.
        images: The folder of the images, or ``FOLDER/{}_rgb`` where files have names of their own.
        targets: For each task ``TASK=FOLDER``, or ``TASK:KIND=FOLDER`` where the name does not tell the kind; they are
            learned in this order.
        extend: A run that the tasks are added to.
        classes: The names of the classes, by task.
        imagenet: Start from ImageNet's weights, which are downloaded when it is trained.

    Raises:
        ConfigError: If an argument is impossible, or the file exists.
        DataError: If the folders do not hold what belongs to the images.
    """
    path = Path(name if name.endswith('.py') else f'{name}.py')
    if not re.fullmatch(r'[A-Za-z_][\w-]*', path.stem):
        raise ConfigError(f'`name` is {name!r}, expected letters, digits and underscores, such as my_rooms')
    if path.exists():
        raise ConfigError(f'{path} is there already; give another `name`, or remove it')
    folders, kinds = _declared(targets)
    for task in classes or {}:
        if kinds.get(task) != 'segmentation':
            raise ConfigError(f'`classes` names {task!r}, which is no segmentation among the targets; name one of '
                              f'{", ".join(kinds)}')
    source = None if extend is None else source_to_extend(extend)
    _refuse_learned(source, kinds)
    all_images, found = paired(Folder.find(images), {task: Folder.find(folder) for task, folder in folders.items()})
    split = split_images(all_images, found)
    encodings = {task: _encoding(task, kinds[task], found[task], split, (classes or {}).get(task)) for task in kinds}
    _tell_axes(encodings, kinds, found, split)
    size, sizes = _size(all_images)
    lines = [f'images: {len(all_images.files)} in {all_images.path}, {sizes}']
    lines += [f'{task}: {encoding.found}' for task, encoding in encodings.items()]
    lines.append(f'split: {len(split.names["train"])} images to train on, {len(split.names["val"])} to validate on '
                 f'({split.how})')
    lr, new_head, model = (1e-4 if imagenet else 1e-3), None, model_text(size, imagenet)
    if source is not None:
        size, lr, new_head, model = *_of_source(source, size, lines), 3.0, ''
    fewest = min(len(folder.files.keys() & split.names['train']) for folder in found.values())
    text = config_text(
        ['Written by lhl new, from what it found. Every line may be changed; then read all files again:',
         f'    lhl check-dataset {path}', *lines],
        {task: encoding.task for task, encoding in encodings.items()}, _targets(found, encodings, all_images),
        {task: encoding.found for task, encoding in encodings.items()}, _data(all_images, found, split), size,
        max(min(8, fewest // 2), 2), fewest,
        dict(type='HAD', alpha=1.0, group_threshold=0.9,
             distribution_balanced=dict(type='DistributionBalancedLoss'),
             saliency_guided=dict(type='SaliencyGuidedLoss', edge_threshold=0.5)), model, lr, new_head)
    with atomic_write(path) as file:
        file.write(text.encode())
    report_folder = Path('work_dirs/check', path.stem)
    try:
        report = _check(path, report_folder, source)
    except LHLError as error:
        *others, last = error.problems
        raise type(error)(*others, f'{last} (in {path}, which is written; change it there, or remove it and give the '
                                   f'command again)') from error
    return NewConfig(path, lines, report, report_folder)


def _check(path: Path, report_folder: Path, source: Source | None) -> Report:
    """Read all files that a config names, and where they are right check whether it can be trained."""
    cfg = read_config(path)
    report = check_dataset(cfg, report_folder)
    if not report.problems:
        cfg.work_dir = str(Path('work_dirs', path.stem))
        stream = Stream.from_config(cfg if source is None else extended_config(source, cfg, without_old_data=True))
        check_data(stream)
    return report


def _declared(targets: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Read the folders and kinds of the tasks."""
    folders: dict[str, str] = {}
    kinds: dict[str, str] = {}
    for target in targets:
        task, _, folder = target.partition('=')
        task, _, kind = task.partition(':')
        if not re.fullmatch(r'[A-Za-z_]\w*', task) or not folder:
            raise ConfigError(f'`target` is {target!r}, expected TASK=FOLDER, such as depth=data/mine/depth')
        if task in folders:
            raise ConfigError(f'`target` names {task} twice; give the second one another name, such as '
                              f'{task}2:{kind_of(task, kind)}=FOLDER')
        folders[task], kinds[task] = folder, kind_of(task, kind)
    return folders, kinds


def _refuse_learned(source: Source | None, kinds: Mapping[str, str]) -> None:
    learned = [task for task in kinds if source is not None and task in source.tasks]
    if source is not None and learned:
        raise ConfigError(f'{source.path} has learned {", ".join(learned)} already (it has {", ".join(source.tasks)}); '
                          f'give the new task another name, such as {learned[0]}2:{kinds[learned[0]]}=FOLDER')


def _encoding(task: str, kind: str, folder: Folder, split: Split, classes: Sequence[str] | None) -> Encoding:
    """Read the files of a task that belong to an image, and say what they hold."""
    used = frozenset[str]().union(*split.names.values())
    files = {name: path for name, path in sorted(folder.files.items()) if name in used}
    jpeg = next((path for path in files.values() if path.suffix.lower() in JPEG), None)
    if kind == 'segmentation' and jpeg is not None:
        raise DataError(f'{str(jpeg)!r} is a JPEG, whose compression invents classes, expected PNG, TIFF or NPY; '
                        f'export the masks again')
    content = read_content(task, ((path, name in split.names['train']) for name, path in files.items()),
                           kind == 'segmentation')
    return encoding_of(task, kind, content, classes)


def _tell_axes(encodings: Mapping[str, Encoding], kinds: Mapping[str, str], found: Mapping[str, Folder],
               split: Split) -> None:
    """Add to what is known of normals in which axes they are stored."""
    depth = next((task for task in kinds if kinds[task] == 'depth'), None)
    for task in (task for task in kinds if kinds[task] == 'normal'):
        both = sorted(found[task].files.keys() & found[depth or task].files.keys() & split.names['train'])
        chosen = [both[i] for i in np.linspace(0, len(both) - 1, min(len(both), LOOKED_AT)).round().astype(int)]
        options, sentence = find_axes(
            _files(encodings[task]), None if depth is None else _files(encodings[depth]),
            ((found[task].files[name], found[depth or task].files[name]) for name in chosen))
        encodings[task].files |= options
        encodings[task].found += f'; {sentence}'


def _files(encoding: Encoding) -> TargetFiles:
    return TargetFiles(folder='', **encoding.files)


def _size(images: Folder) -> tuple[tuple[int, int], str]:
    """Choose the size for the network, near the most frequent one of the images, and say which they have."""
    names = sorted(images.files)
    sizes: dict[tuple[int, int], int] = {}
    for position in np.linspace(0, len(names) - 1, min(len(names), LOOKED_AT)).round().astype(int).tolist():
        try:
            size = load_image_file(images.files[names[position]]).shape[:2]
        except ValueError:  # which the check says
            continue
        sizes[size] = sizes.get(size, 0) + 1
    if not sizes:
        raise DataError(f'no image in {str(images.path)!r} can be read; check that the folder holds pictures')
    (height, width), = sorted(sizes, key=lambda size: -sizes[size])[:1]
    scale = min(1.0, LONGEST / max(height, width))
    size = tuple(max(round(side * scale / MULTIPLE), 4) * MULTIPLE for side in (height, width))
    many = f'and {len(sizes) - 1} other sizes' if len(sizes) > 1 else 'all of them'
    return (size[0], size[1]), f'{height} x {width} ({many}), {size[0]} x {size[1]} for the network'


def _of_source(source: Source, size: tuple[int, int], lines: list[str]) -> tuple[tuple[int, int], float]:
    """Take the size and the learning rate over from what is extended, and say so."""
    scored = next(reversed(image_sizes(source.read_last(), source.path).values()), None)
    if scored is not None:
        size = scored
        lines.append(f'size: {size[0]} x {size[1]}, at which {source.path} has learned')
    else:
        lines.append(f'size: {size[0]} x {size[1]}; at which size {source.path} has learned is not recorded')
    part: Any = source.stream.cfg.to_dict() if source.stream is not None else {}
    for key in ('optim_wrapper', 'optimizer', 'lr'):
        part = part.get(key) if isinstance(part, dict) else None
    return size, part / 2 if isinstance(part, float) else 1e-4


def _root(images: Folder, targets: Mapping[str, Folder]) -> str:
    """Find the folder that holds all."""
    paths = [images.path, *(folder.path for folder in targets.values())]
    if len({path.is_absolute() for path in paths}) > 1:
        paths = [path.absolute() for path in paths]
    return os.path.commonpath([os.path.normpath(path) for path in paths]) or '.'


def _data(images: Folder, targets: Mapping[str, Folder], split: Split) -> dict[str, dict[str, Any]]:
    """Give the options of the two data sets."""
    root, data = _root(images, targets), {}
    for part in split.names:
        folder, of_part, options = os.path.relpath(images.path, root), Code('_targets'), split.options
        if split.folders:
            below = split.folders[part]
            folder, options = os.path.normpath(f'{folder}/{below}'), dict(splits={part: 1.0})
            of_part = Code(f"{{name: dict(files, folder=files['folder'] + '/{below}') for name, files in "
                           f"_targets.items()}}")
        called: Any = folder if images.name == '{}' else dict(folder=folder, name=images.name)
        data[part] = dict(data_root=root, images=called, targets=of_part, **options)
    return data


def _targets(targets: Mapping[str, Folder], encodings: Mapping[str, Encoding], images: Folder) -> dict[str, dict]:
    """Declare the files of each task."""
    root = _root(images, targets)
    called = {task: {} if folder.name == '{}' else dict(name=folder.name) for task, folder in targets.items()}
    return {task: dict(folder=os.path.relpath(folder.path, root), **called[task], **encodings[task].files)
            for task, folder in targets.items()}
