"""Which data a config needs, whether they are there, and who gives them out."""
import re

from mmengine.config import Config

from lhl.engine.plan import Stream
from lhl.engine.plan.data import data_problems

#: Where in a config the data of a sentence stand; the same are often trained on and scored.
_PLACE = re.compile(r'^(?:phases\[\d+\]\.)?(?:train|val)_dataloader: ')
_LITERATURE = 'the releases that MTL-PyTorch, ATRC and InvPT link from their repositories'
_KRIZHEVSKY = '{} of www.cs.toronto.edu/~kriz/cifar.html'
#: Class of a data set -> what it is, who gives it out, what makes lhl's layout of it if that is another, and the page
#: about it.
_SOURCES = {
    'NYUv2': ('NYU Depth V2 with 13 classes: 795 training and 654 test images',
              'the preprocessed release of MTAN (github.com/lorenmt/mtan), or the labelled data set of its authors '
              '(cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html)', 'lhl convert nyuv2', 'docs/data/nyuv2.md'),
    'CityScapes': ('Cityscapes with 7 classes and disparity: 2975 training and 500 test images',
                   'the preprocessed release of MTAN (github.com/lorenmt/mtan), or www.cityscapes-dataset.com after '
                   'registration', 'lhl convert cityscapes', 'docs/data/cityscapes.md'),
    'Taskonomy': ('the buildings of Taskonomy, ten domains', "Omnidata's download tools "
                  '(docs.omnidata.vision), after the terms of taskonomy.stanford.edu are accepted',
                  'lhl convert taskonomy', 'docs/data/taskonomy.md'),
    'NYUDv2': ('NYUD-v2 with 40 classes, depth, normals and boundaries: 795 training and 654 test images', _LITERATURE,
               '', 'docs/data/nyud.md'),
    'PASCALContext': ('PASCAL-Context with five tasks: 4998 training and 5105 test images', _LITERATURE, '',
                      'docs/data/pascal_context.md'),
    'CIFAR10': ('CIFAR-10', _KRIZHEVSKY.format('cifar-10-binary.tar.gz'), '', 'docs/data/cifar.md'),
    'CIFAR100': ('CIFAR-100', _KRIZHEVSKY.format('cifar-100-binary.tar.gz'), '', 'docs/data/cifar.md'),
    'TinyImageNet': ('Tiny ImageNet: 100000 training and 10000 validation images of 200 classes',
                     "tiny-imagenet-200.zip of Stanford's course CS231n", '', 'docs/data/tiny_imagenet.md'),
}


def needed_data(cfg: Config) -> list[str]:
    """Describe the data that a config trains on and is scored on, for a person.

    Args:
        cfg: The config.

    Returns:
        A line for each folder.
    """
    plain = cfg.to_dict()
    found: dict[tuple[str, str], None] = {}
    for section in ('train_dataloader', 'val_dataloader'):
        dataset = (plain.get(section) or {}).get('dataset') or {}
        found[str(dataset.get('type')), str(dataset.get('data_root'))] = None
    lines = []
    for kind, root in found:
        what, where, how, page = _SOURCES.get(kind, (kind, '', '', ''))
        layout = f'{how} makes the layout' if how else 'read as it is'
        source = f', from {where}; {layout}, see {page}' if where else ''
        lines.append(f'{root}: {what}{source}')
    return lines


def missing_data(stream: Stream) -> list[str]:
    """Say what of a stream's data is not there or cannot be read, each thing once; empty if it can be trained."""
    return list(dict.fromkeys(_PLACE.sub('', sentence) for sentence in data_problems(stream).sentences))
