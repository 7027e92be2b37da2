"""``python tools/demo.py`` is ``lhl demo``."""
from lhl.cli import main

if __name__ == '__main__':
    main('demo')
