"""``python tools/check_dataset.py`` is ``lhl check-dataset``."""
from lhl.cli import main

if __name__ == '__main__':
    main('check-dataset')
