"""A backbone of which a part learns nothing is said aloud when a config is resolved."""
import pytest

from lhl.engine import Stream
from test_engine.tiny_stream import stream_config

BISENET = dict(_delete_=True, type='BiSeNetV2')


@pytest.mark.parametrize('in_index, share', [(-1, r'\d\d%'), (None, None)])
def test_weights_without_a_gradient_are_named_with_the_maps_that_there_are(tmp_path, capfd, in_index, share):
    head = dict(_delete_=True, type='ASPPHead', in_channels=None, channels=4)
    if in_index is not None:
        head['in_index'] = in_index
    cfg = stream_config(tmp_path / 'c.py', tmp_path, tmp_path / 'run', model__backbone=BISENET, model__head=head)
    Stream.from_config(cfg)
    said = capfd.readouterr().out + capfd.readouterr().err
    if share is None:
        assert 'get no gradient' not in said
    else:
        assert 'of the weights of BiSeNetV2 get no gradient' in said and '1: 16 channels of 16 x 16' in said
