"""``python tools/dataset_converters/mobilenet_v2.py`` is ``lhl convert mobilenet-v2``."""
from lhl.cli import main

if __name__ == '__main__':
    main('convert', 'mobilenet-v2')
