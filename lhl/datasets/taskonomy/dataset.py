"""Taskonomy: indoor scans of whole buildings with ten targets per view, a PNG each, as its authors encode them."""
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from mmengine.logging import print_log

from lhl.datasets.base import DenseDataset
from lhl.datasets.io.files import load_rgb
from lhl.errors import ConfigError, DataError, suggest
from lhl.registry import DATASETS
from lhl.tasks import Task

from .encodings import CLASSES, ENCODINGS, HOLE, check_facing, class_of_value, load_encoded
from .views import View, find_buildings, find_container, find_views, read_skip_list, split_buildings, view_path

#: The domain of each of HAD's ten tasks, in HAD's order.
DOMAINS = dict(segmentation='segment_semantic', depth='depth_zbuffer', normal='normal', edge_occlusion='edge_occlusion',
               reshading='reshading', keypoints2d='keypoints2d', edge_texture='edge_texture',
               euclidean_distance='depth_euclidean', principal_curvature='principal_curvature',
               keypoints3d='keypoints3d')


@DATASETS.register_module()
class Taskonomy(DenseDataset):
    """Indoor views with up to ten targets, split by buildings or by the numbers of the views.

    The files are ``point_{P}_view_{V}_domain_{domain}.png``, in any of the shapes of
    :data:`~lhl.datasets.taskonomy.views.CONTAINERS`; :mod:`lhl.datasets.taskonomy.encodings` decodes them. Where
    depth_zbuffer is 65535 the scan has a hole: all that was rendered from the geometry is invalid there, so such
    domains need depth_zbuffer beside them.

    Args:
        buildings: The names of the buildings of each split, ``dict(train=[...], val=[...])``; or a .csv file of the
            official splits (columns id, train, val, test); or ``'tiny'``, the official split of that name, whose
            training buildings are here all that are neither in its validation nor its test set.
        views: The numbers of the views of each split, ``dict(train=[0, 1, 2], val=[3])``: others are skipped.
            Default: all.
        classes: 17, the background and 16 objects; or the names of those to distinguish, in the order of their indices;
            or ``'present'``, those of the 17 that occur in the training images. An object that is not among them
            is background if that is, otherwise unlabelled.
        skip: The views to skip in addition to the known :data:`~lhl.datasets.taskonomy.views.BROKEN` ones, such as
            ``['muleshoe/point_399_view_5']``, or a text file with one such line for each.
        incomplete: What to do about a view that lacks a file: ``'error'`` names it, ``'skip'`` keeps only the views
            that have a file in every domain on the disk, so that all phases of a stream divide the same images.
        domains: The domain of each task by the task's name. Default: :data:`DOMAINS`.
        kwargs: See :class:`~lhl.datasets.base.DenseDataset`.
    """

    SPLITS = ('train', 'val', 'test')

    def __init__(self, *args: Any, buildings: Mapping[str, Sequence[str]] | str | Path = 'tiny',
                 views: Mapping[str, Sequence[int]] | None = None,
                 classes: Sequence[str] | Literal['present', 17] = 17, skip: Sequence[str] | str | Path = (),
                 incomplete: Literal['error', 'skip'] = 'error', domains: Mapping[str, str] | None = None,
                 **kwargs: Any) -> None:
        if incomplete not in ('error', 'skip'):
            raise ConfigError(f"incomplete={incomplete!r} is unknown; use 'error' or 'skip'")
        self.buildings, self.views, self.incomplete = buildings, views, incomplete
        self.domains = dict(domains or DOMAINS)
        self.skip = read_skip_list(skip)
        self.container = ''
        self._last_depth: tuple[View, np.ndarray] | None = None
        super().__init__(*args, **kwargs)
        self.classes = self._read_classes(classes)

    @property
    def metainfo(self) -> dict:
        """The data set's facts with the names of its classes."""
        return dict(super().metainfo, classes=list(self.classes))

    def list_samples(self) -> list[View]:
        """List the views of the split by building, point and number."""
        for name in self.tasks:
            if name not in self.domains:
                raise ConfigError(f'Taskonomy has no domain for task {name!r}; {suggest(name, self.domains)} (or name '
                                  f'its domain in domains=dict({name}=...))')
            if self.domains[name] not in ENCODINGS:
                raise ConfigError(f'Taskonomy has no domain {self.domains[name]!r}; '
                                  f'{suggest(self.domains[name], ENCODINGS)}')
        self.container = find_container(self.data_root)
        return self._list_split(self.split)

    def path(self, sample: View, task: Task | None = None) -> Path:
        """The file of the image, or of the task's domain."""
        return self._file(sample, self.domains[task.name] if task else 'rgb')

    def source_files(self) -> Iterator[Path]:
        """Besides, the depth that has the holes of what was rendered from the geometry."""
        yield from super().source_files()
        if any(ENCODINGS[self.domains[name]].masked for name in self.tasks):
            yield from (self._file(self.samples[index], 'depth_zbuffer') for index in self.indices)

    def load_image(self, sample: View) -> np.ndarray:
        """Load an RGB image."""
        return load_rgb(self.path(sample))

    def load_target(self, sample: View, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Decode a target; it is valid where the scan has no hole, and where a label is certain."""
        domain = self.domains[task.name]
        encoding = ENCODINGS[domain]
        picture = load_encoded(self.path(sample, task), domain)
        target, valid = encoding.decode(picture), np.ones(picture.shape[:2], bool)
        if domain == 'segment_semantic':
            labels = self._class_of_value[target]
            return labels, labels != -1
        if encoding.masked:
            depth = picture if domain == 'depth_zbuffer' else self._depth_beside(sample, picture.shape[:2])
            valid = depth != HOLE
            if domain == 'depth_euclidean':
                valid &= picture != HOLE
        if domain == 'normal':
            check_facing(target, valid)
        return target, valid

    def _file(self, view: View, domain: str) -> Path:
        return self.data_root / view_path(self.container, view, domain)

    def _depth_beside(self, sample: View, size: tuple[int, int]) -> np.ndarray:
        """The values of depth_zbuffer; kept until the next image, as most targets of an image ask for them."""
        if self._last_depth is None or self._last_depth[0] != sample:
            path = self._file(sample, 'depth_zbuffer')
            try:
                self._last_depth = sample, load_encoded(path, 'depth_zbuffer')
            except ValueError as error:
                raise ValueError(f'its mask comes from {str(path)!r}, which cannot be used: {error}') from error
        depth = self._last_depth[1]
        if depth.shape != size:
            path = self._file(sample, 'depth_zbuffer')
            raise ValueError(f'found shape {size}, expected {depth.shape} as {str(path)!r} has, which holds its mask; '
                             f'export both at the same size')
        return depth

    # ---- which images --------------------------------------------------------------------------------------------

    def _list_split(self, split: str) -> list[View]:
        buildings = split_buildings(self.buildings, split, find_buildings(self.data_root, self.container))
        if self.views is not None and split not in self.views:
            raise ConfigError(f'views names no {split!r} views; {suggest(split, self.views)}')

        def find(domain: str) -> set[View]:
            found = find_views(self.data_root, self.container, domain, buildings) - self.skip
            return {view for view in found if self.views is None or view.view in self.views[split]}

        images = self._keep_complete(find('rgb'), find)
        if not images:
            numbers = '' if self.views is None else f' with the view numbers {list(self.views[split])}'
            raise DataError(f'{str(self.data_root)!r} holds no image of split {split!r}: found none in '
                            f'{", ".join(buildings) or "any building of that split"}{numbers}, expected at least one; '
                            f'choose the buildings on the disk with buildings=dict({split}=[...])')
        return sorted(images)

    def _keep_complete(self, images: set[View], find: Callable[[str], set[View]]) -> set[View]:
        """Refuse images without a target and targets without an image, or skip them."""
        wanted = {self.domains[name] for name in self.tasks}
        if any(ENCODINGS[domain].masked for domain in wanted):
            wanted.add('depth_zbuffer')
        if self.incomplete == 'skip':
            on_disk = {domain: find(domain) for domain in ENCODINGS}
            complete = images.intersection(*(views for domain, views in on_disk.items() if views or domain in wanted))
            print_log(f'Taskonomy: {len(complete)} of {len(images)} images have a file in every domain on the disk; '
                      f'the others are skipped', logger='current', level=logging.INFO)
            return complete
        for domain in sorted(wanted):
            targets = find(domain)
            for missing, where in ((images - targets, domain), (targets - images, 'rgb')):
                if missing:
                    view = min(missing)
                    raise DataError(f'{str(self._file(view, where))!r} is missing ({len(images)} files in rgb, '
                                    f"{len(targets)} in {domain}, {len(missing)} without a partner); restore it, skip "
                                    f"the view with skip=['{view}'], or all such views with incomplete='skip'")
        return images

    # ---- which classes -------------------------------------------------------------------------------------------

    def _read_classes(self, classes: Sequence[str] | Literal['present', 17]) -> tuple[str, ...]:
        """Return the classes in the order of their indices, after comparing their number with that of the task."""
        tasks = [task for name, task in self.tasks.items() if self.domains[name] == 'segment_semantic']
        if classes == 'present':
            classes = self._present_classes() if tasks else CLASSES
        elif classes == 17:
            classes = CLASSES
        elif isinstance(classes, int | str):
            raise ConfigError(f"classes={classes!r} is unknown; use 17, 'present' or a list of names")
        for name in classes:
            if name not in CLASSES:
                raise ConfigError(f'Taskonomy has no class {name!r}; {suggest(name, CLASSES)}')
        if len(set(classes)) < len(classes):
            raise ConfigError(f'classes={list(classes)} names a class twice; name each once')
        for task in tasks:
            if task.out_channels != len(classes):
                raise ConfigError(f'task {task.name!r} has num_classes={task.out_channels}, but there are '
                                  f'{len(classes)} classes: {", ".join(classes)}; set num_classes={len(classes)}, or '
                                  f'choose others with classes=[...]')
        self._class_of_value = class_of_value(classes)
        return tuple(classes)

    def _present_classes(self) -> tuple[str, ...]:
        counts = np.zeros(256, np.int64)
        for view in self._list_split('train'):
            path = self._file(view, 'segment_semantic')
            try:
                counts += np.bincount(load_encoded(path, 'segment_semantic').ravel(), minlength=256)
            except ValueError as error:
                raise DataError(f'{str(path)!r} cannot be searched for classes: {error}') from error
        return tuple(name for value, name in enumerate(CLASSES, start=1) if counts[value])
