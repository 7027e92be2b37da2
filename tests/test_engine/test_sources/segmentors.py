"""Segmentors of mmsegmentation with random weights: narrow, and with statistics off their start."""
import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DefaultScope
from mmseg.models import EncoderDecoder, SegDataPreProcessor

CLASSES = ('wall', 'floor', 'chair', 'lamp', 'door')
BN = dict(type='SyncBN', requires_grad=True)
PREPROCESSOR = dict(type='SegDataPreProcessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],
                    bgr_to_rgb=True, pad_val=0, seg_pad_val=255)
RESNET = dict(type='ResNetV1c', depth=18, base_channels=8, stem_channels=8, dilations=(1, 1, 2, 4),
              strides=(1, 2, 1, 1), norm_cfg=BN, contract_dilation=True)
MIT = dict(type='MixVisionTransformer', embed_dims=8, num_layers=[1, 1, 1, 1], num_heads=[1, 2, 5, 8])
SWIN = dict(type='SwinTransformer', embed_dims=12, depths=[1, 1, 1, 1], num_heads=[1, 2, 4, 4], window_size=4)
FPN = dict(type='FPN', in_channels=[8, 16, 32, 64], out_channels=8, num_outs=4)


def head(kind, in_channels, in_index=3, **options):
    return dict(type=kind, in_channels=in_channels, in_index=in_index, channels=16, num_classes=len(CLASSES),
                norm_cfg=BN, **options)


#: Backbone, decode head and neck.
SEGMENTORS = dict(
    aspp=(RESNET, head('ASPPHead', 64, dilations=(1, 2, 3), loss_decode=[dict(type='CrossEntropyLoss')])),
    separable_aspp=(RESNET, head('DepthwiseSeparableASPPHead', 64, dilations=(1, 2, 3), c1_in_channels=8, c1_channels=4,
                                 align_corners=True)),
    segformer=(MIT, head('SegformerHead', [8, 16, 40, 64], [0, 1, 2, 3])),
    upernet=(SWIN, head('UPerHead', [12, 24, 48, 96], [0, 1, 2, 3])),
    fpn=({**RESNET, 'dilations': (1, 1, 1, 1), 'strides': (1, 2, 2, 2)},
         head('FPNHead', [8, 8, 8, 8], [0, 1, 2, 3], feature_strides=[4, 8, 16, 32]), FPN))


def segmentor_config(backbone, decode_head, neck=None, **model):
    model = dict(type='EncoderDecoder', data_preprocessor=PREPROCESSOR, backbone=backbone, decode_head=decode_head,
                 pretrained='open-mmlab://nowhere', auxiliary_head=head('FCNHead', 8, 0, num_convs=1),
                 test_cfg=dict(mode='whole'), **model)
    return Config(dict(model=dict(model, neck=neck) if neck else model), filename=__file__)


def build_segmentor(cfg):
    """The segmentor as mmsegmentation would build it, which this is to be compared with."""
    torch.manual_seed(0)
    parts = {key: value for key, value in cfg.model.to_dict().items() if key not in ('type', 'pretrained')}
    preprocessor = parts.pop('data_preprocessor')
    with DefaultScope.overwrite_default_scope('mmseg'):  # where ASPPHead is mmsegmentation's
        segmentor = revert_sync_batchnorm(EncoderDecoder(**parts))
    preprocessor.pop('type')
    segmentor.data_preprocessor = SegDataPreProcessor(**preprocessor)
    segmentor.train()
    with torch.no_grad():
        for parameter in segmentor.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        for _ in range(3):
            segmentor.decode_head(segmentor.extract_feat(torch.randn(2, 3, 64, 64)))
    return segmentor.eval()


def save_segmentor(segmentor, path, **meta):
    torch.save(dict(state_dict=segmentor.state_dict(), meta=meta), path)
    return path
