"""Against transformers' own full models, whose hidden states are turned into maps here by hand."""
import pytest
import torch
import transformers

from lhl.errors import ConfigError
from lhl.models import HFBackbone, Learner
from lhl.models.pretraining import without_pretraining

VIT = dict(hidden_size=24, num_hidden_layers=3, num_attention_heads=2)
DINOV2 = dict(model_type='dinov2', patch_size=14, image_size=56, **VIT)
CONVNEXT = dict(model_type='convnext', hidden_sizes=(8, 16, 24, 32), depths=(1, 1, 2, 1))


def saved_whole_model(folder, kind, **config):
    model = getattr(transformers, f'{kind}Model')(getattr(transformers, f'{kind}Config')(**config))
    model.save_pretrained(folder)
    return model.eval()


@pytest.mark.parametrize('kind, config, others', [
    ('Dinov2', DINOV2, 1), ('Dinov2WithRegisters', {**DINOV2, 'model_type': 'dinov2_with_registers'}, 5)])
def test_tokens_become_a_map_without_those_of_the_class_and_the_registers(tmp_path, kind, config, others):
    whole = saved_whole_model(tmp_path, kind, **{key: value for key, value in config.items() if key != 'model_type'})
    backbone = HFBackbone(config, pretrained=str(tmp_path), out_indices=(3, ))
    backbone.init_weights()
    images = torch.rand(2, 3, 42, 56)
    with torch.no_grad():
        feature, = backbone.eval()(images)
        tokens = whole(images).last_hidden_state[:, others:]  # after the last norm
    assert feature.shape == (2, 24, 3, 4)
    torch.testing.assert_close(feature[1, :, 2, 1], tokens[1, 2 * 4 + 1])


def test_images_are_enlarged_to_whole_patches():
    backbone = HFBackbone(DINOV2).eval()
    assert backbone(torch.zeros(1, 3, 43, 57))[0].shape[-2:] == (4, 5)


def test_maps_are_named_from_the_stem_or_from_the_end_and_come_finest_first():
    maps = HFBackbone(CONVNEXT, out_indices=(-1, 1))(torch.zeros(1, 3, 64, 32))
    assert [m.shape[1:] for m in maps] == [(8, 16, 8), (32, 2, 1)]


def test_every_trained_weight_gets_a_gradient_and_a_frozen_one_none():
    for config in (DINOV2, dict(model_type='dinov3_vit', patch_size=16, intermediate_size=48, **VIT)):
        backbone = HFBackbone(config)
        backbone(torch.rand(1, 3, 64, 64))[0].sum().backward()
        assert all(weight.grad is not None for weight in backbone.parameters() if weight.requires_grad)
    frozen = HFBackbone(DINOV2, frozen=True).train()
    assert not frozen.model.training and not frozen(torch.rand(1, 3, 56, 56))[0].requires_grad
    images = torch.rand(1, 3, 56, 56, requires_grad=True)  # as inverted ones are
    frozen(images)[0].square().sum().backward()
    assert images.grad.abs().max() > 0 and all(weight.grad is None for weight in frozen.parameters())


def test_weights_of_another_architecture_are_refused_and_the_norms_of_maps_may_be_new(tmp_path):
    saved_whole_model(tmp_path / 'convnext', 'ConvNext', hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 2, 1])
    HFBackbone(CONVNEXT, pretrained=str(tmp_path / 'convnext'), out_indices=(1, 4)).init_weights()
    wider = HFBackbone({**CONVNEXT, 'hidden_sizes': (8, 16, 24, 40)}, pretrained=str(tmp_path / 'convnext'))
    with pytest.raises(ConfigError, match=r'the pretrained weights .* lack \d+ weights of ConvNextBackbone'):
        wider.init_weights()
    with pytest.raises(ConfigError, match='cannot load the pretrained weights .*nothing'):
        HFBackbone(CONVNEXT, pretrained=str(tmp_path / 'nothing')).init_weights()


@pytest.mark.parametrize('config, sentence', [
    (dict(model_type='dinov'), "model_type of HFBackbone is 'dinov'; did you mean 'dinov2'"),
    (dict(DINOV2, hidden_sizes=3), "option 'hidden_sizes', which dinov2 does not know; did you mean 'hidden_size'"),
    (dict(DINOV2, hidden_size='wide'), 'dinov2 of HFBackbone cannot be built')])
def test_an_impossible_architecture_is_one_sentence(config, sentence):
    with pytest.raises(ConfigError, match=sentence):
        HFBackbone(config)
    with pytest.raises(ConfigError, match='expected numbers from 0 to 3'):
        HFBackbone(DINOV2, out_indices=(4, ))


def test_a_checkpoint_s_network_is_built_without_the_hub():
    config = dict(type='HFBackbone', config=DINOV2, pretrained='facebook/nowhere')
    learner = Learner(without_pretraining(config), dict(type='ASPPHead', in_channels=None), dict(
        depth=dict(type='DepthEstimation')))
    learner.init_weights()
    assert learner.backbone.pretrained is None
