"""Tiny CIFAR-10 and CIFAR-100, in each of the forms in which they are published."""
import pytest

from lhl.datasets import CIFAR10, CIFAR100
from lhl.errors import DataError

from .image_archives import CIFAR_VERSIONS as VERSIONS
from .image_archives import cifar_files, write_folder, write_tar
from .image_tasks import split_tasks

KINDS = dict(CIFAR10=CIFAR10, CIFAR100=CIFAR100)
PLACES = [(name, version, packed) for name in KINDS for version in (0, 1) for packed in (True, False)]


def write(root, name, version=0, packed=True, files=None):
    """Write one version of a data set, as an archive or as its folder."""
    archive, folder = VERSIONS[name][version]
    files = files or cifar_files(name, pickled=version == 1)
    if packed:
        write_tar(root / archive, folder, files)
    else:
        write_folder(root / folder, files)
    return root


def cifar(root, name='CIFAR10', split='train', tasks=None, **options):
    tasks = split_tasks(KINDS[name].NUM_CLASSES, 2) if tasks is None else tasks
    return KINDS[name](data_root=root, split=split, tasks=tasks, pipeline=[], **options)


def refused(match, *arguments, **options):
    with pytest.raises(DataError, match=match) as caught:
        cifar(*arguments, **options)
    assert '\n' not in str(caught.value)
    return str(caught.value)
