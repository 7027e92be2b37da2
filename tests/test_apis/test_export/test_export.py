"""A tiny run in every format, run by the packages that it is for, and compared with what lhl predicts."""
import re

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.apis import init_model
from safetensors.torch import load_file

from lhl.apis import export_model, load_learner
from lhl.apis.export.export import TOLERANCE, _compared
from lhl.apis.export.graphs import _as_sentence, check_packages, run_torch, write_onnx, write_torch
from lhl.apis.export.network import Network
from lhl.errors import ConfigError, RunError
from lhl.models import Learner

TASKS = dict(segmentation=dict(type='SemanticSegmentation', num_classes=3), depth=dict(type='DepthEstimation'))
RESNET = dict(type='ResNet', depth=18, stem_channels=8, base_channels=8, norm_cfg=dict(type='BN'))


def test_mmsegmentation_predicts_the_same_classes_of_pictures_of_8_bits(finished, tmp_path):
    _, run = finished('HAD')
    exported = export_model(run, tmp_path, 'mmseg')
    assert exported.differences['segmentation'] <= TOLERANCE and list(exported.differences) == ['segmentation']
    with DefaultScope.overwrite_default_scope('mmseg'):
        segmentor = init_model(str(tmp_path / 'segmentor.py'), str(tmp_path / 'segmentor.pth'), device='cpu')
        picture = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
        bgr = torch.from_numpy(picture[..., ::-1].copy().transpose(2, 0, 1))
        sample = segmentor.data_preprocessor(dict(inputs=[bgr], data_samples=None))
        theirs = segmentor.predict(sample['inputs'])[0].pred_sem_seg.data[0]
    learner = load_learner(run)
    images = torch.from_numpy(picture.transpose(2, 0, 1).copy())[None].float() / 255
    ours = learner(learner.data_preprocessor(dict(inputs=images))['inputs'])['segmentation'].argmax(1)[0]
    assert (ours != theirs).float().mean() <= 1 / ours.numel()  # a tie, as 255 divides before or after
    assert len(segmentor.dataset_meta['classes']) == learner.tasks['segmentation'].num_classes


def test_weights_alone_are_those_of_the_learner(finished, tmp_path):
    _, run = finished('HAD')
    exported = export_model(run, tmp_path, 'safetensors')
    assert exported.differences == dict(weights=0.0)
    weights = load_file(exported.path)
    assert {key: value.shape for key, value in weights.items()} == {
        key: value.shape for key, value in load_learner(run).state_dict().items()}


@pytest.mark.parametrize('format', ['onnx', 'torch'])
def test_a_graph_takes_any_number_of_images_of_any_size(finished, tmp_path, format):
    _, run = finished('HAD')
    exported = export_model(run, tmp_path, format, tasks=['depth', 'normal'], preprocess=True)
    assert list(exported.differences) == ['depth', 'normal'] and max(exported.differences.values()) <= TOLERANCE
    images = torch.rand(3, 3, 45, 67)
    if format == 'onnx':
        import onnxruntime
        session = onnxruntime.InferenceSession(str(exported.path))
        assert session.get_inputs()[0].shape == ['batch', 3, 'height', 'width']
        outputs = [torch.from_numpy(output) for output in session.run(None, dict(images=images.numpy()))]
    else:
        outputs = torch.export.load(exported.path).module()(images)
    learner = load_learner(run)
    expected = learner(learner.data_preprocessor(dict(inputs=images))['inputs'])
    torch.testing.assert_close(outputs[0], expected['depth'], atol=TOLERANCE, rtol=TOLERANCE)
    torch.testing.assert_close(outputs[1], expected['normal'], atol=TOLERANCE, rtol=TOLERANCE)


def test_the_network_normalises_and_orders_channels_as_the_preprocessor():
    learner = Learner(RESNET, dict(type='ASPPHead', in_channels=None, channels=4), TASKS, data_preprocessor=dict(
        type='DensePreprocessor', mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6), to_bgr=True)).eval()
    images = torch.rand(1, 3, 32, 32)
    expected = learner(learner.data_preprocessor(dict(inputs=images))['inputs'])
    depth, = Network(learner, ['depth'], preprocess=True)(images)
    torch.testing.assert_close(depth, expected['depth'], rtol=0, atol=1e-6)


def test_what_is_not_the_model_is_refused_with_the_largest_difference(tmp_path):
    learner = Learner(RESNET, dict(type='ASPPHead', in_channels=None, channels=4), TASKS).eval()
    network, images = Network(learner, ['depth'], preprocess=False), torch.rand(1, 3, 32, 32)
    right = [output.detach() for output in network(images)]
    assert _compared(network, [right], [images], tmp_path) == dict(depth=0.0)
    right[0] = right[0] + 0.5
    with pytest.raises(RunError, match=r'predicts depth otherwise than the model: the largest difference is 0.5'):
        _compared(network, [right], [images], tmp_path)


@torch.library.custom_op('rooms::swap', mutates_args=())
def swap(x: torch.Tensor) -> torch.Tensor:
    """An operator of somebody's own, as of a compiled extension."""
    return x.flip(-1).clone()


@swap.register_fake
def _(x):
    return torch.empty_like(x)


class With(torch.nn.Module):
    """A layer that calls an operator."""

    def __init__(self, operator):
        super().__init__()
        self.operator = operator

    def forward(self, x):
        return self.operator(x)


@pytest.mark.slow
@pytest.mark.parametrize('operator, name', [
    (swap, 'rooms.swap'), (lambda x: x + torch.linalg.eigvalsh(x @ x.mT)[..., :1, None], 'aten._linalg_eigh')])
def test_an_operator_that_onnx_lacks_is_one_sentence(tmp_path, monkeypatch, operator, name):
    """Really lacking: the exporter itself refuses it; torch.export takes it."""
    learner = Learner(RESNET, dict(type='ASPPHead', in_channels=None, channels=4), TASKS).eval().requires_grad_(False)
    learner.heads['depth'] = torch.nn.Sequential(learner.heads['depth'], With(operator))
    monkeypatch.setattr('lhl.apis.export.graphs._dynamic', lambda network: dict(images={}))
    network, images = Network(learner, ['depth'], preprocess=False), torch.rand(2, 3, 64, 64)
    sentence = (rf'ResNet with the heads of depth cannot be written as ONNX \(it has no operator {re.escape(name)}\); '
                rf'export other `tasks`, or use `format=torch`')
    with pytest.raises(ConfigError, match=sentence):
        write_onnx(network, images, tmp_path / 'model.onnx')
    assert not list(tmp_path.iterdir())
    write_torch(network, images, tmp_path / 'model.pt2')
    torch.testing.assert_close(run_torch(tmp_path / 'model.pt2', images)[0], network(images)[0])


@pytest.mark.parametrize('write, sentence', [
    (write_onnx, 'would be written as ONNX for a batch of 2 alone, expected any: its forward depends on that number'),
    (write_torch, r'cannot be written as torch.export \(You marked batch as dynamic but your code specialized it to be '
                  r'a constant \(2\)\); export other `tasks`')])
def test_a_network_that_depends_on_the_number_of_images_is_refused_and_not_written_for_that_number(
        tmp_path, write, sentence):
    learner = Learner(RESNET, dict(type='ASPPHead', in_channels=None, channels=4), TASKS).eval().requires_grad_(False)
    learner.heads['depth'] = torch.nn.Sequential(learner.heads['depth'], With(lambda x: x * len(x)))
    with pytest.raises(ConfigError, match=f'ResNet with the heads of depth {sentence}'):
        write(Network(learner, ['depth'], preprocess=False), torch.rand(2, 3, 64, 64), tmp_path / 'model')
    assert not list(tmp_path.iterdir())


def test_what_the_exporter_says_of_an_operator_is_one_sentence():
    """As it said it of these two."""
    learner = Learner(RESNET, dict(type='ASPPHead', in_channels=None, channels=4), TASKS)
    for name in ('rooms.swap', 'aten._linalg_eigh'):
        with (pytest.raises(ConfigError, match=rf'\(it has no operator {re.escape(name)}\); export other `tasks`, or '
                                               r'use `format=torch`'),
              _as_sentence('ONNX', Network(learner, ['depth'], False))):
            raise torch.onnx.errors.OnnxExporterError('Failed') from RuntimeError(
                f"No ONNX function found for <OpOverload(op='{name}', overload='default')>. Failure message: No "
                f"decompositions registered for the real-valued input")


@pytest.mark.parametrize('options, sentence', [
    (dict(format='onx'), "`format=onx` is unknown; did you mean 'onnx'"),
    (dict(format='mmseg', tasks=['depth']), 'takes one segmentation, found none among depth'),
    (dict(format='torch', tasks=['dept']), "does not predict 'dept'; did you mean 'depth'"),
    (dict(format='safetensors', tasks=['depth']), '`tasks` is for graphs and mmsegmentation'),
    (dict(format='mmseg', preprocess=True), '`preprocess=True` is for graphs')])
def test_an_impossible_option_is_one_sentence(finished, tmp_path, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        export_model(finished('HAD')[1], tmp_path, **options)


def test_missing_packages_are_named_with_the_command(monkeypatch):
    monkeypatch.setattr('lhl.apis.export.graphs.find_spec', lambda name: None if name == 'onnxscript' else name)
    with pytest.raises(ConfigError, match=r"needs onnxscript, not installed here; install them with pip install "
                                          r"'lhl\[export\]'"):
        check_packages()


def test_a_decode_head_of_mmsegmentation_needs_nothing_of_lhl(tmp_path, finished):
    """It is the segmentor's own; what the learner had filled in cannot be known there."""
    from lhl.apis.export.segmentor import run_segmentor, write_segmentor
    head = dict(type='SegmentorHead', head=dict(type='FCNHead', in_channels=64, in_index=3, channels=8, num_convs=1,
                                                norm_cfg=dict(type='BN')))
    learner = Learner(RESNET, head, TASKS).eval()
    write_segmentor(learner, dict(backbone=RESNET, head=head), 'segmentation', None, tmp_path)
    assert 'lhl' not in Config.fromfile(tmp_path / 'segmentor.py').dump().replace('lhl export', '')
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(run_segmentor(tmp_path, images)[0], learner(images)['segmentation'])
