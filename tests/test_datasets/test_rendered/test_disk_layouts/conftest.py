"""A small data set in each layout, written once."""

import pytest

from lhl.datasets.rendered import write_dataset

from .round_trip import COUNTS, SIZE


@pytest.fixture(scope='package')
def folders(tmp_path_factory):
    written = {}

    def write(layout):
        if layout not in written:
            written[layout] = tmp_path_factory.mktemp(layout) / 'data'
            write_dataset(written[layout], **COUNTS, **SIZE, seed=5, processes=1, layout=layout)
        return written[layout]
    return write
