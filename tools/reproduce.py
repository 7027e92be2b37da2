"""``python tools/reproduce.py`` is ``lhl reproduce``."""
from lhl.cli import main

if __name__ == '__main__':
    main('reproduce')
