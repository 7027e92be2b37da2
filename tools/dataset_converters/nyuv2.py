"""``python tools/dataset_converters/nyuv2.py`` is ``lhl convert nyuv2``."""
from lhl.cli import main

if __name__ == '__main__':
    main('convert', 'nyuv2')
