"""``python tools/dataset_converters/taskonomy.py`` is ``lhl convert taskonomy``."""
from lhl.cli import main

if __name__ == '__main__':
    main('convert', 'taskonomy')
