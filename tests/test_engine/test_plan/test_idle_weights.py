"""A backbone of which a part learns nothing is said aloud when a config is resolved."""
import pytest
import torch
from torch import nn

from lhl.engine import Stream
from lhl.models.idle_weights import idle_weights
from test_engine.tiny_stream import stream_config

BISENET = dict(_delete_=True, type='BiSeNetV2')


@pytest.mark.parametrize('in_index, share', [(-1, r'\d\d%'), (None, None)])
def test_weights_without_a_gradient_are_named_with_the_maps_that_there_are(tmp_path, capfd, in_index, share):
    head = dict(_delete_=True, type='ASPPHead', in_channels=None, channels=4)
    if in_index is not None:
        head['in_index'] = in_index
    cfg = stream_config(tmp_path / 'c.py', tmp_path, tmp_path / 'run', model__backbone=BISENET, model__head=head)
    Stream.from_config(cfg)
    captured = capfd.readouterr()
    said = captured.out + captured.err
    if share is None:
        assert 'get no gradient' not in said
    else:
        assert 'of the weights of BiSeNetV2 get no gradient' in said and '1: 16 channels of 16 x 16' in said


def test_weights_that_gradient_checkpointing_hides_from_the_graph_are_not_called_idle(tmp_path, capfd):
    # A block with with_cp is one node of the graph, without its weights.
    cfg = stream_config(tmp_path / 'c.py', tmp_path, tmp_path / 'run', model__backbone__with_cp=True)
    Stream.from_config(cfg)
    captured = capfd.readouterr()
    assert 'get no gradient' not in captured.out + captured.err


def test_the_weights_that_no_output_depends_on_are_found_in_order():
    network = nn.ModuleDict({'used': nn.Linear(2, 3), 'idle': nn.Linear(2, 3), 'frozen': nn.Linear(2, 3)})
    network['frozen'].requires_grad_(False)
    outputs = [network['used'](torch.zeros(1, 2)), torch.zeros(1)]
    assert idle_weights(network, outputs) == [network['idle'].weight, network['idle'].bias]
