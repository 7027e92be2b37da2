"""``python tools/dataset_converters/pascal_context.py`` is ``lhl convert pascal-context``."""
from lhl.cli import main

if __name__ == '__main__':
    main('convert', 'pascal-context')
