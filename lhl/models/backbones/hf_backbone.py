"""Backbones of Hugging Face's transformers, such as DINOv2, DINOv3, ConvNeXt and Swin V2: an extra, lhl[hf]."""
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from lhl.errors import FOREIGN, ConfigError, reason_of, suggest
from lhl.registry import MODELS


@MODELS.register_module()
class HFBackbone(BaseModule):
    """A backbone of ``transformers.AutoBackbone``.

    The tokens of a transformer become a feature map, without those for the class and the registers. Images whose sides
    are no multiples of a transformer's patch are enlarged to the next ones. What no feature map depends on, such as
    the token of masked patches, is frozen.

    Args:
        config: The architecture: ``model_type``, such as ``'dinov2'``, and options of its config class. It is all that
            the network is built from, so that a checkpoint is read again without the hub.
        pretrained: Weights to start from: a name on the hub, or a folder with ``config.json`` and
            ``model.safetensors``; random ones without it.
        out_indices: Which feature maps to give: 0 is the input of the first block or stage, -1 the last one's output.
        frozen: Keep the weights as they are, in evaluation mode: heads alone are learned.

    Raises:
        ConfigError: If ``transformers`` has no such backbone, or the weights cannot be loaded or are of another one.
    """

    def __init__(self, config: dict, pretrained: str | None = None, out_indices: Sequence[int] = (-1, ),
                 frozen: bool = False, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.pretrained, self.frozen = pretrained, frozen
        self.model = _built(config, out_indices)
        patch = getattr(self.model.config, 'patch_size', 1)
        self.patch_size = max(patch) if isinstance(patch, (list, tuple)) else patch
        for name, parameter in self.model.named_parameters():
            if frozen or name.endswith('mask_token') or not parameter.numel():
                parameter.requires_grad_(False)
        self.train()

    def init_weights(self) -> None:
        """Load the weights that it starts from; without them it keeps those that it was built with."""
        if self.pretrained is not None and not self.is_init:
            _load(self.model, self.pretrained)
        self._is_init = True

    def train(self, mode: bool = True) -> 'HFBackbone':
        """Switch to training, unless it is frozen."""
        return super().train(mode and not self.frozen)

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Map images ``(B, 3, H, W)`` to feature maps ``(B, C_i, h_i, w_i)``."""
        size = [-(-side // self.patch_size) * self.patch_size for side in inputs.shape[-2:]]
        if size != list(inputs.shape[-2:]):
            inputs = F.interpolate(inputs, size, mode='bilinear', align_corners=False)
        is_differentiated = not self.frozen or inputs.requires_grad  # as inverted images are
        with torch.set_grad_enabled(torch.is_grad_enabled() and is_differentiated):
            return tuple(self.model(inputs).feature_maps)


def _built(config: Mapping[str, Any], out_indices: Sequence[int]) -> Any:
    """Build a backbone with random weights."""
    from transformers import CONFIG_MAPPING, AutoBackbone
    from transformers.models.auto.modeling_auto import MODEL_FOR_BACKBONE_MAPPING_NAMES
    options = dict(config)
    kind = options.pop('model_type', None)
    if kind not in MODEL_FOR_BACKBONE_MAPPING_NAMES or kind == 'timm_backbone':
        raise ConfigError(f'config.model_type of HFBackbone is {kind!r}; '
                          f'{suggest(str(kind), MODEL_FOR_BACKBONE_MAPPING_NAMES)}')
    described = CONFIG_MAPPING[kind]()
    unknown = [option for option in options if not hasattr(described, option)]
    if unknown:
        raise ConfigError(f'config of HFBackbone has the option {unknown[0]!r}, which {kind} does not know; '
                          f'{suggest(unknown[0], described.to_dict())}')
    if hasattr(described, 'reshape_hidden_states'):
        options['reshape_hidden_states'] = True
    try:
        described = CONFIG_MAPPING[kind](**options)
        stages = len(described.stage_names)
        if not all(-stages <= index < stages for index in out_indices):
            raise ConfigError(f'out_indices of HFBackbone is {tuple(out_indices)}, expected numbers from 0 to '
                              f'{stages - 1}; {kind} has {stages - 1} stages or blocks')
        described.out_indices = sorted(index % stages for index in out_indices)
        for option, value in list(vars(described).items()):  # as in a config file; ConvNeXt adds lists to them
            if isinstance(value, tuple):
                setattr(described, option, list(value))
        return AutoBackbone.from_config(described)
    except ConfigError:
        raise
    except Exception as error:  # config classes have exceptions of their own
        raise ConfigError(f'{kind} of HFBackbone cannot be built ({reason_of(error)}); correct its config') from error


def _load(model: Any, source: str) -> None:
    """Load weights of the same architecture; safetensors only, so that nothing is unpickled."""
    cure = ('give a folder with config.json and model.safetensors with `model.backbone.pretrained=FOLDER`, or train '
            'from scratch with `model.backbone.pretrained=None`')
    try:
        loaded, info = type(model).from_pretrained(source, config=model.config, use_safetensors=True,
                                                   output_loading_info=True, ignore_mismatched_sizes=True)
    except FOREIGN as error:
        raise ConfigError(f'cannot load the pretrained weights {source!r} ({reason_of(error)}); {cure}') from error
    # Norms of the feature maps, whose 1 and 0 the hub's files lack, are learned.
    shapes = {name: weight.dim() for name, weight in model.named_parameters()}
    wrong = [name for name in [*info['missing_keys'], *(key[0] for key in info['mismatched_keys'])]
             if shapes.get(name, 0) > 1]
    if wrong:
        raise ConfigError(f'the pretrained weights {source!r} lack {len(wrong)} weights of {type(model).__name__}, or '
                          f'have them in another shape, for instance {wrong[0]!r}; {cure}')
    model.load_state_dict(loaded.state_dict())
