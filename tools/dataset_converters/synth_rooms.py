"""``python tools/dataset_converters/synth_rooms.py`` is ``lhl convert synth-rooms``."""
from lhl.cli import main

if __name__ == '__main__':
    main('convert', 'synth-rooms')
