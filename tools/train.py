"""``python tools/train.py`` is ``lhl train``."""
from lhl.cli import main

if __name__ == '__main__':
    main('train')
