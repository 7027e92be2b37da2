from test_engine.tiny_stream import one_thread_and_no_ceremony  # noqa: F401
