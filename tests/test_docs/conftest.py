import sys

from test_engine.tiny_stream import ROOT

sys.path.insert(0, str(ROOT / 'docs/_ext'))
