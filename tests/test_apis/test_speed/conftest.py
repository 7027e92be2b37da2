import importlib

import pytest
from test_engine.tiny_stream import ROOT, one_thread_and_no_ceremony  # noqa: F401


@pytest.fixture(scope='session')
def mutation():
    """The tool as a module, which finds the other one beside it, as it does when it is run."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(ROOT / 'tools')
        return importlib.import_module('mutation_test')
