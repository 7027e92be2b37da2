from test_engine.tiny_stream import data_root, one_thread_and_no_ceremony  # noqa: F401
