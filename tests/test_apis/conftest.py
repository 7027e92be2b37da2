import pytest
from test_engine.tiny_stream import data_root, finished, one_thread_and_no_ceremony, stream_config  # noqa: F401

from lhl.engine import train_stream


@pytest.fixture(scope='session')
def separate(tmp_path_factory, data_root):  # noqa: F811
    """A finished run of separate models, which is not to be changed."""
    folder = tmp_path_factory.mktemp('separate')
    cfg = stream_config(folder / 'c.py', data_root, folder / 'run', 'Vanilla', train_cfg__max_epochs=1)
    cfg.method = dict(type='SingleTask')
    train_stream(cfg)
    return folder / 'run'
