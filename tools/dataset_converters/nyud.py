"""``python tools/dataset_converters/nyud.py`` is ``lhl convert nyud``."""
from lhl.cli import main

if __name__ == '__main__':
    main('convert', 'nyud')
