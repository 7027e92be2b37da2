import pytest
import torch
from mmengine.config import Config

from lhl.engine.checkpoint import build_learner
from lhl.engine.sources.mmseg import read_segmentor
from lhl.errors import CheckpointError, ConfigError

from .segmentors import (
    CLASSES,
    PREPROCESSOR,
    RESNET,
    SEGMENTORS,
    build_segmentor,
    head,
    save_segmentor,
    segmentor_config,
)

FCN = head('FCNHead', 64, num_convs=1)


def logits_of(segmentor, picture):
    """What mmsegmentation makes of a picture of 8 bits, which it reads as blue, green, red."""
    inputs = segmentor.data_preprocessor(dict(inputs=[picture.flip(0)]))['inputs']
    return segmentor.encode_decode(inputs, [dict(img_shape=picture.shape[1:])])


@torch.no_grad()
def check_same_logits(segmentor, source, sizes=((64, 96), (65, 83))):
    learner = build_learner(source.phases[0].saved, 'the source')
    for size in sizes:
        picture = torch.randint(0, 256, (3, *size), dtype=torch.uint8)
        expected = logits_of(segmentor, picture)
        inputs = learner.data_preprocessor(dict(inputs=picture[None].float() / 255))['inputs']
        logits = learner(inputs)['segmentation']
        assert logits.shape == (1, len(CLASSES), *size)
        assert logits.std() > 0.01 and (logits - expected).abs().max() < 1e-5


@pytest.mark.parametrize('name', SEGMENTORS)
def test_a_learner_predicts_what_the_segmentor_does(name, tmp_path):
    cfg = segmentor_config(*SEGMENTORS[name])
    segmentor = build_segmentor(cfg)
    source = read_segmentor(save_segmentor(segmentor, tmp_path / 'a.pth'), cfg)
    check_same_logits(segmentor, source)
    (phase, ), results = source.phases, source.phases[0].results
    assert phase.entry == dict(trained_by='mmsegmentation', task='segmentation')
    assert results.metrics == dict(segmentation={}) and results.tasks == ['segmentation']
    parts = [getattr(segmentor, part) for part in ('backbone', 'neck', 'decode_head') if hasattr(segmentor, part)]
    assert results.parameters == sum(parameter.numel() for part in parts for parameter in part.parameters())
    assert not any('auxiliary' in key for key in phase.saved['state_dict'])


def test_layers_that_mmsegmentation_alone_registers_are_found(tmp_path):
    unet = dict(type='UNet', base_channels=4, num_stages=2, strides=(1, 1), enc_num_convs=(1, 1), dec_num_convs=(1, ),
                downsamples=(True, ), enc_dilations=(1, 1), dec_dilations=(1, ))  # upsamples with its InterpConv
    cfg = segmentor_config(unet, head('FCNHead', 4, 1, num_convs=1))
    segmentor = build_segmentor(cfg)
    check_same_logits(segmentor, read_segmentor(save_segmentor(segmentor, tmp_path / 'a.pth'), cfg), [(64, 96)])


@pytest.mark.parametrize('changes', [dict(bgr_to_rgb=False), dict(bgr_to_rgb=False, mean=None, std=None)])
def test_the_segmentors_own_normalisation_is_kept(changes, tmp_path):
    cfg = segmentor_config(RESNET, FCN)
    cfg.model.data_preprocessor = {**PREPROCESSOR, **changes}
    segmentor = build_segmentor(cfg)
    check_same_logits(segmentor, read_segmentor(save_segmentor(segmentor, tmp_path / 'a.pth'), cfg))


@pytest.fixture(scope='module')
def fcn(tmp_path_factory):
    """A saved segmentor, its config, and a way to save it otherwise."""
    cfg = segmentor_config(RESNET, FCN)
    segmentor = build_segmentor(cfg)
    folder = tmp_path_factory.mktemp('fcn')
    return cfg, segmentor, save_segmentor(segmentor, folder / 'fcn.pth'), folder


def test_classes_and_colours_are_those_of_the_checkpoint(fcn):
    cfg, segmentor, _, folder = fcn
    colours = [[index, 0, 255] for index in range(5)]
    path = save_segmentor(segmentor, folder / 'named.pth', dataset_meta=dict(classes=CLASSES, palette=colours))
    source = read_segmentor(path, cfg, 'rooms')
    assert source.tasks == dict(rooms=dict(
        type='SemanticSegmentation', num_classes=5, classes=list(CLASSES), palette=colours))
    learner = build_learner(source.phases[0].saved, 'the source')
    assert learner.tasks['rooms'].classes == CLASSES


def test_a_bare_state_dict_is_enough(fcn):
    cfg, segmentor, path, folder = fcn
    torch.save(segmentor.state_dict(), folder / 'bare.pth')
    assert read_segmentor(folder / 'bare.pth', cfg).starts_from == read_segmentor(path, cfg).starts_from


def refused(error, sentence, path, cfg):
    with pytest.raises(error) as caught:
        read_segmentor(path, cfg)
    assert sentence in str(caught.value) and '\n' not in str(caught.value)


def changed(cfg, **changes):
    cfg = Config(cfg.to_dict(), filename=cfg.filename)
    cfg.merge_from_dict({key.replace('__', '.'): value for key, value in changes.items()})
    return cfg


def test_a_cascade_is_refused(fcn):
    refused(ConfigError, 'is of a CascadeEncoderDecoder, expected an EncoderDecoder: one backbone and one decode head',
            fcn[2], changed(fcn[0], model__type='CascadeEncoderDecoder'))


def test_a_head_of_compiled_operators_is_refused(fcn):
    psa = changed(fcn[0], model__decode_head=dict(type='PSAHead', mask_size=(9, 9)))
    refused(ConfigError, 'cannot be built (', fcn[2], psa)
    refused(ConfigError, 'or take one that needs no compiled operators', fcn[2], psa)
    refused(ConfigError, 'NoHead', fcn[2], changed(fcn[0], model__decode_head__type='NoHead'))


def test_a_head_of_several_outputs_is_refused(tmp_path):
    cfg = segmentor_config(RESNET, head('DAHead', 64, pam_channels=4))
    refused(ConfigError, 'gives no single map of logits for a 128x160 image',
            save_segmentor(build_segmentor(cfg), tmp_path / 'a.pth'), cfg)


def test_one_channel_for_two_classes_is_refused(tmp_path):
    cfg = segmentor_config(RESNET, {**FCN, 'num_classes': 2, 'out_channels': 1, 'threshold': 0.3})
    refused(ConfigError, 'has 1 output channel and a threshold for 2 classes, expected one channel per class',
            save_segmentor(build_segmentor(cfg), tmp_path / 'a.pth'), cfg)


def test_weights_of_another_segmentor_are_named(fcn):
    cfg, segmentor, _, folder = fcn
    weights = segmentor.state_dict()
    weights['decode_head.more'] = weights.pop('decode_head.conv_seg.bias')
    torch.save(dict(state_dict=weights), folder / 'other.pth')
    refused(CheckpointError, "1 keys are missing (first 'decode_head.conv_seg.bias'), 1 keys are unknown (first "
                             "'decode_head.more')", folder / 'other.pth', cfg)


def test_another_number_of_classes_is_refused(fcn):
    cfg, segmentor, path, folder = fcn
    refused(CheckpointError, "found (5, 16, 1, 1), expected (7, 16, 1, 1)", path, changed(
        cfg, model__decode_head__num_classes=7))
    named = save_segmentor(segmentor, folder / 'four.pth', dataset_meta=dict(classes=CLASSES[:4]))
    refused(CheckpointError, 'names 4 classes, but its config has num_classes=5', named, cfg)


class Harmful:
    def __reduce__(self):
        return print, ('harm', )


def test_a_file_that_could_run_code_is_refused(fcn):
    torch.save(dict(state_dict=fcn[1].state_dict(), meta=Harmful()), fcn[3] / 'harmful.pth')
    refused(CheckpointError, 'is not loaded, because that could run code', fcn[3] / 'harmful.pth', fcn[0])
