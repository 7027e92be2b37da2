import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lhl.models.initial_weights import initial_weight_problems
from lhl.registry import MODELS, WEIGHT_INITIALIZERS

LENET = dict(type='CIFARLeNet')
RESNET = dict(type='ResNet', depth=18, base_channels=4)


def weights_of(backbone: dict, prefix: str = '') -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    return {prefix + name: value.clone() for name, value in MODELS.build(backbone).state_dict().items()}


def problems(backbone: dict, path: Path | str, **options: object) -> list[str]:
    init_cfg = dict(type='Pretrained', checkpoint=str(path), **options)
    return list(initial_weight_problems({**backbone, 'init_cfg': init_cfg}, 'model.backbone'))


@pytest.mark.parametrize('name, content, options', [
    ('plain.pth', lambda w: w, {}),
    ('state_dict.pth', lambda w: dict(state_dict=w, epoch=3), {}),
    ('of_ddp.pth', lambda w: {f'module.{name}': value for name, value in w.items()}, {}),
    ('learner.pth', lambda w: {f'backbone.{name}': value for name, value in w.items()}, dict(prefix='backbone')),
    ('dotted.pth', lambda w: {f'backbone.{name}': value for name, value in w.items()}, dict(prefix='backbone.'))])
def test_a_checkpoint_of_the_backbone_is_fine(tmp_path, name, content, options):
    torch.save(content(weights_of(RESNET)), tmp_path / name)
    assert problems(RESNET, tmp_path / name, **options) == []


def test_safetensors_with_their_digest_are_loaded(tmp_path):
    weights = weights_of(RESNET)
    save_file(weights, tmp_path / 'weights.safetensors')
    digest = hashlib.sha256((tmp_path / 'weights.safetensors').read_bytes()).hexdigest()
    assert problems(RESNET, tmp_path / 'weights.safetensors', sha256=digest.upper()) == []
    initializer = WEIGHT_INITIALIZERS.build(dict(type='Pretrained', checkpoint='x', sha256=digest))
    assert initializer.sha256 == digest and initializer.checkpoint == 'x'


@pytest.mark.parametrize('saved, used', [
    (dict(RESNET, base_channels=6), RESNET),  # all names, other shapes: mmengine would load nothing and continue
    (LENET, RESNET), (RESNET, LENET), (dict(RESNET, depth=50), RESNET)])
def test_a_checkpoint_of_another_backbone_is_refused_with_the_first_difference(tmp_path, saved, used):
    torch.save(weights_of(saved), tmp_path / 'other.pth')
    [problem] = problems(used, tmp_path / 'other.pth')
    total = len(MODELS.build(used).state_dict())
    assert f'of the {total} weights of this {used["type"]}' in problem and 'of another network' in problem
    assert 'instead of' in problem or 'it has no' in problem


def test_a_prefix_that_is_missing_or_wrong_is_refused(tmp_path):
    torch.save(weights_of(RESNET, 'backbone.'), tmp_path / 'learner.pth')
    assert 'holds 0 of' in problems(RESNET, tmp_path / 'learner.pth')[0]
    assert "behind 'encoder.'" in problems(RESNET, tmp_path / 'learner.pth', prefix='encoder.')[0]


def test_a_backbone_that_reads_the_file_itself_may_find_its_weights_behind_a_prefix(tmp_path):
    swin = dict(type='SwinTransformer', embed_dims=8, depths=(1, 1), num_heads=(1, 2), out_indices=(1, ),
                strides=(4, 2))
    torch.save(weights_of(swin, 'backbone.'), tmp_path / 'swin.pth')
    assert problems(swin, tmp_path / 'swin.pth') == []
    torch.save(weights_of(LENET), tmp_path / 'lenet.pth')
    assert 'of another network' in problems(swin, tmp_path / 'lenet.pth')[0]


def test_another_digest_is_refused_with_both(tmp_path):
    torch.save(weights_of(RESNET), tmp_path / 'a.pth')
    found = hashlib.sha256((tmp_path / 'a.pth').read_bytes()).hexdigest()
    assert f'has the SHA-256 {found}, expected {"0" * 64}' in problems(RESNET, tmp_path / 'a.pth', sha256='0' * 64)[0]


@pytest.mark.parametrize('digest', ['', 'abc', 'g' * 64, 'f' * 63, 5])
def test_what_is_no_digest_is_refused(tmp_path, digest):
    torch.save(weights_of(RESNET), tmp_path / 'a.pth')
    assert 'expected 64 hexadecimal digits' in problems(RESNET, tmp_path / 'a.pth', sha256=digest)[0]


def test_what_is_elsewhere_is_looked_at_when_it_is_loaded():
    assert problems(RESNET, 'torchvision://resnet18') == []
    assert 'needs a file on this machine' in problems(RESNET, 'torchvision://resnet18', sha256='0' * 64)[0]


@pytest.mark.parametrize('make, expected', [
    (lambda path: None, 'does not exist'), (lambda path: path.mkdir(), 'is a folder'),
    (lambda path: path.write_bytes(b'no weights'), 'model.backbone.init_cfg: ')])
def test_a_missing_or_unreadable_file_is_a_sentence(tmp_path, make, expected):
    make(tmp_path / 'weights.pth')
    [problem] = problems(RESNET, tmp_path / 'weights.pth')
    assert expected in problem and str(tmp_path) in problem


def test_a_backbone_within_a_backbone_is_checked(tmp_path):
    inner = dict(RESNET, init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'none.pth')))
    outer = dict(type='BackboneWithNeck', backbone=inner, neck=dict(type='FPN', in_channels=[4], out_channels=4))
    [problem] = initial_weight_problems(outer, 'model.backbone')
    assert problem.startswith('model.backbone.backbone.init_cfg: ') and 'none.pth does not exist' in problem
