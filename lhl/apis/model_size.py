"""Counts what a stream's model costs, part by part: parameters, and the arithmetic of one image."""
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lhl.engine import Stream, runner_config
from lhl.errors import ConfigError
from lhl.models.pretraining import without_pretraining
from lhl.registry import MODELS


class Cost(NamedTuple):
    """What a part of a model costs."""

    parameters: int
    flops: int  #: of convolutions and matrix products for one image; a multiply-add counts as two

    @classmethod
    def total(cls, *costs: 'Cost') -> 'Cost':
        """Add up some parts."""
        return cls(sum(cost.parameters for cost in costs), sum(cost.flops for cost in costs))


@dataclass(frozen=True)
class ModelSize:
    """What the model of a stream costs after its last phase.

    Args:
        backbone: The backbone.
        heads: The heads by name, in the stream's order.
        image_size: Height and width of the image that the arithmetic is counted for.
        head_of: The name of each task's head.
    """

    backbone: Cost
    heads: Mapping[str, Cost]
    image_size: tuple[int, int]
    head_of: Mapping[str, str]

    @property
    def shared(self) -> Cost:
        """One backbone with all heads."""
        return Cost.total(self.backbone, *self.heads.values())

    @property
    def separate(self) -> Cost:
        """A model for each task: as many backbones as tasks, each with its head."""
        return Cost.total(*[self.backbone] * len(self.head_of), *(self.heads[name] for name in self.head_of.values()))

    @property
    def overhead(self) -> tuple[float, float]:
        """How many more parameters and operations separate models need, in percent of the shared ones (Sec. 5.4)."""
        parameters, flops = (100 * (separate / shared - 1)
                             for separate, shared in zip(self.separate, self.shared, strict=True))
        return parameters, flops


def measure_model_size(cfg: Config, image_size: tuple[int, int]) -> ModelSize:
    """Count the parameters and the arithmetic of the model that a stream ends with, the last phase's backbone.

    Nothing is computed but shapes, so that any size takes a second. Normalisation, activations, pooling and
    upsampling are not counted.

    Args:
        cfg: The stream's config; its data need not be there.
        image_size: Height and width in pixels.

    Raises:
        ConfigError: If the config cannot run, or the size is not positive.
    """
    height, width = image_size
    if min(image_size) < 1:
        raise ConfigError(f'the size is {height} x {width} pixels, expected at least 1 x 1; give the height and the '
                          f'width of the images')
    # How a model is learned does not change its size, and where it learns separate ones, all tasks count, too.
    stream = Stream.from_config(cfg, method=dict(type='Vanilla'))
    model = runner_config(stream, len(stream.phases)).model.to_dict()
    model['backbone'] = without_pretraining(model['backbone'])
    # Shapes only; computed on a processor, attention would be one fused operator, which the counter does not know.
    learner = MODELS.build(model).eval().to('meta')
    backbone_flops, features = _count(learner.extract_features, torch.empty(1, 3, height, width, device='meta'))
    heads = {name: Cost(_parameters(head), _count(head, features)[0]) for name, head in learner.heads.items()}
    return ModelSize(Cost(_parameters(learner.backbone), backbone_flops), heads, (height, width),
                     {name: task.head for name, task in learner.tasks.items()})


def model_size_table(size: ModelSize) -> str:
    """Set the parts below each other as a Markdown table, without a final line break."""
    rows = [('backbone', size.backbone), *((f'head of {name}', cost) for name, cost in size.heads.items()),
            ('one backbone for all tasks', size.shared), ('a model for each task', size.separate)]
    parameters, flops = size.overhead
    height, width = size.image_size
    return '\n'.join([
        '| part | parameters | GFLOPs |', '|---|---:|---:|',
        *(f'| {part} | {cost.parameters:,} | {cost.flops / 1e9:,.2f} |' for part, cost in rows),
        f'| overhead of separate models | {parameters:+.2f} % | {flops:+.2f} % |', '',
        f'GFLOPs: 10^9 operations for one image of {height} x {width} pixels; a multiply-add counts as two.'])


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _count(function: Callable, inputs: Any) -> tuple[int, Any]:
    """Run a function and count its floating-point operations."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        outputs = function(inputs)
    return counter.get_total_flops(), outputs
