"""Tries every backbone of mmsegmentation, and some of Hugging Face: what works, parameters, step time, memory."""
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import mmseg.models.backbones
import torch
from torch import Tensor

from lhl.errors import FOREIGN, LHLError, reason_of
from lhl.models import Learner

from .step import now

_BN = dict(type='BN')
_RESNET18 = dict(depth=18, norm_cfg=_BN)
_STDC1 = dict(stdc_type='STDCNet1', in_channels=3, channels=(32, 64, 256, 512, 1024), bottleneck_type='cat',
              norm_cfg=_BN, act_cfg=dict(type='ReLU'))
_VIT = dict(img_size=224, patch_size=16, embed_dims=192, num_layers=12, num_heads=3)
_HRNET = {f'stage{stage}': dict(
    num_modules=modules, num_branches=stage, block='BOTTLENECK' if stage == 1 else 'BASIC', num_blocks=(4, ) * stage,
    num_channels=(64, ) if stage == 1 else tuple(18 * 2**branch for branch in range(stage)))
    for stage, modules in zip(range(1, 5), (1, 1, 4, 3), strict=True)}
#: Options with which each is tried, those of mmsegmentation's smallest config of it.
OPTIONS: dict[str, dict[str, Any]] = dict(
    ResNet=_RESNET18, ResNetV1c=_RESNET18, ResNetV1d=_RESNET18,
    ResNeXt=dict(depth=50, groups=32, base_width=4, norm_cfg=_BN),
    HRNet=dict(extra=_HRNET, norm_cfg=_BN),
    ResNeSt=dict(depth=50, stem_channels=64, norm_cfg=_BN),
    VisionTransformer=dict(_VIT, out_indices=(11, )),
    BiSeNetV1=dict(backbone_cfg=dict(type='ResNet', **_RESNET18), in_channels=3, context_channels=(128, 256, 512),
                   spatial_channels=(64, 64, 64, 128)),
    ICNet=dict(backbone_cfg=dict(type='ResNetV1c', depth=50, norm_cfg=_BN)),
    TIMMBackbone=dict(model_name='resnet18', features_only=True, pretrained=False),
    PCPVT=dict(embed_dims=[64, 128, 320, 512], num_heads=[1, 2, 5, 8], mlp_ratios=[8, 8, 4, 4], qkv_bias=True,
               depths=[3, 4, 6, 3], sr_ratios=[8, 4, 2, 1], norm_after_stage=False),
    SVT=dict(embed_dims=[64, 128, 256, 512], num_heads=[2, 4, 8, 16], mlp_ratios=[4, 4, 4, 4], qkv_bias=True,
             depths=[2, 2, 10, 4], sr_ratios=[8, 4, 2, 1], windiow_sizes=[7, 7, 7, 7], norm_after_stage=True),
    STDCNet=_STDC1,
    STDCContextPathNet=dict(backbone_cfg=dict(type='STDCNet', **_STDC1),
                            ffm_cfg=dict(in_channels=384, out_channels=256, scale_factor=4)),
    BEiT=dict(_VIT, qv_bias=True, init_values=0.1), MAE=dict(_VIT, init_values=0.1),
    PIDNet=dict(channels=32, ppm_channels=96, num_stem_blocks=2, num_branch_blocks=3),
    VPD=dict(diffusion_cfg={}, class_embed_path=''))
_SMALL = dict(hidden_size=384, num_hidden_layers=12, num_attention_heads=6)
#: Of Hugging Face, as in ``configs/_base_/models``.
OF_HUGGING_FACE: dict[str, dict[str, Any]] = {
    'DINOv2-S/14': dict(model_type='dinov2', image_size=518, patch_size=14, **_SMALL),
    'DINOv3-S/16': dict(model_type='dinov3_vit', patch_size=16, intermediate_size=1536, num_register_tokens=4,
                        **_SMALL),
    'DINOv3-ConvNeXt-T': dict(model_type='dinov3_convnext'),
    'ConvNeXt-T': dict(model_type='convnext'),
    'SwinV2-T': dict(model_type='swinv2', image_size=256, window_size=8)}


def measure_backbones(size: Sequence[int], batch_size: int, iterations: int, device: str = 'cpu',
                      only: Sequence[str] = ()) -> Iterator[str]:
    """Train each backbone with one ASPP head on noise for some steps.

    Args:
        size: Height and width of the images; those of fixed size have their own.
        batch_size: Images a step.
        iterations: Steps, of which the first is not timed.
        device: Where.
        only: Names of those to try; all without them.

    Yields:
        The lines of a Markdown table.
    """
    yield '| backbone | feature maps (channels, stride) | used | parameters | ms a step | MiB kept for backward |'
    yield '|---|---|---|---:|---:|---:|'
    tried = {name: dict(type=name, **OPTIONS.get(name, {})) for name in sorted(mmseg.models.backbones.__all__)}
    tried |= {f'HFBackbone, {name}': dict(type='HFBackbone', config=config, out_indices=(-1, ))
              for name, config in OF_HUGGING_FACE.items()}
    for name, backbone in tried.items():
        if only and name not in only:
            continue
        try:
            yield f'| {name} | {_row(backbone, size, batch_size, iterations, device)} |'
        except (LHLError, *FOREIGN) as error:
            yield f'| {name} | {str(error) if isinstance(error, LHLError) else reason_of(error)} | | | | |'


def _row(backbone: Mapping[str, Any], size: Sequence[int], batch_size: int, iterations: int, device: str) -> str:
    learner = Learner(dict(backbone), dict(type='ASPPHead', in_channels=None, channels=64, dilations=(2, 4, 6)),
                      dict(depth=dict(type='DepthEstimation')))
    maps = ', '.join(f'{channels} at {stride:g}' for channels, stride in learner.probe_features())
    learner.to(device).train()
    images = torch.randn(batch_size, 3, *(learner.fixed_size or size), device=device)
    optimizer = torch.optim.Adam(learner.parameters())
    milliseconds, kept = [], 0
    for iteration in range(iterations):
        started = now()
        storages: dict[int, int] = {}

        def keep(tensor: Tensor, storages: dict[int, int] = storages) -> Tensor:
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = learner(images)['depth'].square().mean()
        weights = {weight.untyped_storage().data_ptr() for weight in learner.parameters()}
        kept = sum(size for place, size in storages.items() if place not in weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        milliseconds += [1000 * (now() - started)] if iteration else []
    parameters = sum(weight.numel() for weight in learner.backbone.parameters())
    head: Any = learner.heads['depth']
    used = ', '.join(map(str, head.in_index))
    return f'{maps} | {used} | {parameters / 1e6:.1f} M | {statistics.median(milliseconds):.0f} | {kept / 2**20:.0f}'
