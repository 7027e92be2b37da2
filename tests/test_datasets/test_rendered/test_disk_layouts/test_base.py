
import pytest

from lhl.datasets.rendered import LAYOUTS, write_dataset

from .round_trip import COUNTS, SIZE


@pytest.mark.parametrize('layout', LAYOUTS)
def test_every_layout_is_resumed_extended_and_counted(layout, folders, tmp_path):
    written = folders(layout)
    write_dataset(tmp_path, train=2, val=1, **SIZE, seed=5, processes=1, layout=layout)
    first = LAYOUTS[layout]().paths('train', 1)
    (tmp_path / list(first.values())[0]).unlink()
    manifest = write_dataset(tmp_path, **COUNTS, **SIZE, seed=5, processes=1, layout=layout)
    files = {str(path.relative_to(written)) for path in written.rglob('*') if path.is_file()}
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*') if path.is_file()} == files
    assert all((tmp_path / name).read_bytes() == (written / name).read_bytes() for name in files
               if not name.endswith('.mat'))  # which hold the time of writing
    assert sum(manifest.class_shares['train'].values()) == pytest.approx(1, abs=1e-4)
