"""``python tools/dataset_converters/cityscapes.py`` is ``lhl convert cityscapes``."""
from lhl.cli import main

if __name__ == '__main__':
    main('convert', 'cityscapes')
