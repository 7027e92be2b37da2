"""``python -m lhl`` is ``lhl``."""
from lhl.cli import main

if __name__ == '__main__':
    main()
