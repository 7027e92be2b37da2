import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lhl.models import ASPPHead


def features(batch_size=2, channels=6, size=(5, 7), seed=0):
    return torch.randn(batch_size, channels, *size, generator=torch.Generator().manual_seed(seed))


def head(**options):
    torch.manual_seed(0)
    return ASPPHead(**dict(dict(in_channels=6, out_channels=4, channels=8, dilations=(1, 2)), **options))


def test_the_output_has_the_size_of_the_features():
    assert head()([features()]).shape == (2, 4, 5, 7)


def test_a_batch_of_one_image_is_refused_in_training():
    with pytest.raises(ValueError, match='found a batch of 1 image in training, expected at least 2; raise '
                                         'train_dataloader.batch_size'):
        head().train()([features(1)])


@pytest.mark.parametrize('norm_cfg, processes', [
    (dict(type='GN', num_groups=4), 1), (dict(type='SyncBN'), 2), (dict(type='SyncBN'), 1), (dict(type='BN'), 2)])
def test_one_image_is_refused_only_where_nothing_else_is_in_its_batch(monkeypatch, norm_cfg, processes):
    monkeypatch.setattr('lhl.models.heads.aspp_head.get_world_size', lambda: processes)
    monkeypatch.setattr(torch.nn.SyncBatchNorm, 'forward', lambda self, inputs: inputs)  # which needs the processes
    one = head(norm_cfg=norm_cfg).train()
    if norm_cfg['type'] == 'GN' or (norm_cfg['type'], processes) == ('SyncBN', 2):
        assert one([features(1)]).shape == (1, 4, 5, 7)
    else:
        with pytest.raises(ValueError, match='found a batch of 1 image in training'):
            one([features(1)])


def test_a_batch_of_one_image_is_evaluated():
    assert head().eval()([features(1)]).shape == (1, 4, 5, 7)


def test_a_batch_of_one_image_can_be_trained_with_fixed_statistics():
    one = head().train()
    one.pool.norm.eval()
    assert one([features(1)]).shape == (1, 4, 5, 7)


def test_the_last_feature_map_is_used_unless_another_is_named():
    maps = [features(seed=1), features(seed=2)]
    assert torch.equal(head().eval()(maps), head().eval()([maps[1]]))
    assert torch.equal(head(in_index=0).eval()(maps), head().eval()([maps[0]]))


def test_several_feature_maps_are_joined_at_the_size_of_the_first():
    maps = [features(channels=2, size=(8, 12)), features(channels=4, size=(4, 6))]
    output = head(in_channels=(2, 4), in_index=(0, 1)).eval()(maps)
    assert output.shape == (2, 4, 8, 12)


def test_every_branch_and_the_pooling_branch_reach_the_output():
    module = head(dropout=0.0).train()
    module([features()]).square().sum().backward()
    assert len(module.branches) == 3
    for branch in [*module.branches, module.pool]:
        assert branch.conv.weight.grad.abs().sum() > 0


def test_dropout_acts_in_training_only():
    module = head(dropout=0.9)
    x = [features()]
    assert torch.equal(module.eval()(x), module.eval()(x))
    assert not torch.equal(module.train()(x), module.train()(x))


@pytest.mark.parametrize('size, part', [((4, 256), 1 / 3), ((3, 400), 1 / 3), ((5, 256), 1), ((4, 7), 1)])
def test_taps_that_see_only_padding_are_left_out_of_learning_and_change_nothing(size, part):
    """The dilation is 4: up to 4 rows, two of three rows of taps see nothing; small maps are not touched."""
    branch = head(dilations=(4, )).branches[1].conv.double()
    plain = torch.nn.Conv2d(6, 8, 3, padding=4, dilation=4, bias=False).double()
    plain.load_state_dict(branch.state_dict())
    results, operations = [], []
    for convolution in (branch, plain):
        x = features(size=size).double().to(memory_format=torch.channels_last).requires_grad_()
        with FlopCounterMode(display=False) as counter:
            output = convolution(x)
            output.square().sum().backward()
        results.append((output, x.grad, convolution.weight.grad))
        operations.append(counter.get_total_flops())
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-13)
    assert operations[0] == part * operations[1]


def test_an_exported_head_takes_maps_lower_than_its_dilation_and_higher_ones():
    head = ASPPHead(in_channels=4, out_channels=2, channels=4, dilations=(2, 6)).eval()
    free = {2: torch.export.Dim('height', min=2), 3: torch.export.Dim('width', min=2)}
    with torch.no_grad():
        program = torch.export.export(head, ((torch.rand(1, 4, 5, 7), ), ), dynamic_shapes=((free, ), ))
        for size in ((3, 4), (12, 9)):
            features = torch.rand(1, 4, *size)
            torch.testing.assert_close(program.module()((features, )), head((features, )), rtol=0, atol=1e-6)
