"""The model: one backbone shared by all tasks, and heads that belong to one task or to several."""
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Literal

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmengine.model.utils import _BatchNormXd
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from lhl.errors import CheckpointError, ConfigError, suggest
from lhl.registry import MODELS
from lhl.tasks import build_tasks
from lhl.weight_files import no_pickled_code

from .backbones.known import check_packages, default_maps, fixed_size, main_map
from .heads.segmentor_head import complete_decode_head

NORM_POLICIES = ('train', 'freeze_statistics', 'freeze_all')
#: Height and width of the image with which a backbone's channels are counted.
PROBE_SIZE = 64


@dataclass(frozen=True, eq=False)
class Batch:
    """One training batch on the device, as methods see it. Two batches are equal only if they are one object."""

    inputs: Tensor  #: ``(B, 3, H, W)`` normalised images
    targets: Mapping[str, Tensor]  #: per task, int64 ``(B, H, W)`` or float32 ``(B, C, H, W)``; of an image, 1 x 1
    valid: Mapping[str, Tensor]  #: per task, ``(B, H, W)`` bool
    #: Of each image, where it came from, see :class:`lhl.datasets.DenseDataset`; empty where it is of no data set.
    meta: Sequence[Mapping] = ()


@MODELS.register_module()
class Learner(BaseModel):
    """A shared backbone and the heads of the tasks seen so far: one per task, unless tasks name the same one.

    The learner knows nothing about how a stream is learned: :class:`lhl.methods.Student` trains it with a method.

    Args:
        backbone: Config of a backbone, lhl's or any of mmsegmentation's registry.
        head: Config of the heads; the learner adds ``out_channels`` for each task, and counts ``in_channels`` where
            they are ``None``.
        heads: Configs of single heads, in place of ``head``: the head's name, which is the task's, to config.
        tasks: The tasks seen so far, in the stream's order: name to task config.
        data_preprocessor: Config of the preprocessor.
        norm_eval: Keep the running statistics of every batch normalisation frozen, in training too.
        backbone_norm: What the backbone's batch normalisations do in training: ``'train'``, ``'freeze_statistics'``
            (normalise with the running statistics, which are frozen) or ``'freeze_all'`` (weight and bias are frozen,
            too). The engine sets it from the stream's ``batch_norm``, from phase 2 on.
        channels_last: Lay the weights of convolutions out with channels last.
    """

    def __init__(self, backbone: dict, head: dict, tasks: dict[str, dict], data_preprocessor: dict | None = None,
                 norm_eval: bool = False, backbone_norm: str = 'train', channels_last: bool = True,
                 heads: dict[str, dict] | None = None, init_cfg: dict | None = None) -> None:
        preprocessor = data_preprocessor or dict(type='DensePreprocessor', channels_last=channels_last)
        # Built here: mmengine's base class looks in lhl's registry inside a Runner only.
        super().__init__(MODELS.build(preprocessor), init_cfg)
        self.tasks = build_tasks(tasks)
        check_packages(backbone)
        # Some backbones load weights while they are built, and some build parts by names of mmsegmentation's.
        with no_pickled_code(), DefaultScope.overwrite_default_scope('lhl'):
            self.backbone = MODELS.build(backbone)
            self.main_map, self.fixed_size = main_map(self.backbone), fixed_size(self.backbone)
            shared, own = self._with_channels(head, backbone), heads or {}
            self.heads = nn.ModuleDict({
                name: MODELS.build(dict(self._with_channels(own[name], backbone) if name in own else shared,
                                        out_channels=channels))
                for name, channels in {task.head: task.out_channels for task in self.tasks.values()}.items()
            })
        #: The weights of heads whose configs fix them, such as ``norm_cfg=dict(type='BN', requires_grad=False)``.
        self.fixed_head_weights = frozenset(name for name, weight in self.heads.named_parameters()
                                            if not weight.requires_grad)
        if backbone_norm not in NORM_POLICIES:
            raise ConfigError(f'backbone_norm={backbone_norm!r} is unknown; {suggest(backbone_norm, NORM_POLICIES)}')
        self.norm_eval = norm_eval
        self.backbone_norm = backbone_norm
        self.trained_tasks = tuple(self.tasks)
        self.backbone_trainable: bool | Literal['weights'] = True
        if channels_last:
            self.to(memory_format=torch.channels_last)

    @property
    def probe_size(self) -> tuple[int, int]:
        """The size of the image with which the channels of the backbone are counted."""
        return self.fixed_size or (PROBE_SIZE, PROBE_SIZE)

    def _with_channels(self, head: dict, backbone: dict) -> dict:
        """Fill in the channels of a head's config where they are ``None``, and the feature maps where none is named."""
        if head.get('type') == 'SegmentorHead' and 'in_channels' not in head['head']:
            return dict(head, head=complete_decode_head(head['head'], self.probe_features))
        if head.get('in_channels', 0) is not None:
            return head
        maps = head.get('in_index')
        if maps is None:
            maps = default_maps(backbone, several=head['type'] != 'LinearHead')
            head = head if maps == -1 else dict(head, in_index=maps)
        return dict(head, in_channels=self._count_channels(maps))

    @torch.no_grad()
    def probe_features(self, indices: Sequence[int] | None = None) -> list[tuple[int, float]]:
        """Find the channels and the stride of the named feature maps, by running the backbone on a black image.

        Args:
            indices: Which of its maps; all without them.
        """
        self.backbone.eval()  # does not move the running statistics
        features = self.extract_features(torch.zeros(1, 3, *self.probe_size))
        self.backbone.train()
        for index in indices or ():
            if not -len(features) <= index < len(features):
                raise ConfigError(f'head.in_index names the feature map {index}, but {type(self.backbone).__name__} '
                                  f'gives {len(features)}; change out_indices of the backbone, or head.in_index')
        return [(features[index].shape[1], self.probe_size[0] / features[index].shape[2])
                for index in (range(len(features)) if indices is None else indices)]

    def _count_channels(self, in_index: int | Sequence[int]) -> int | list[int]:
        """Count the channels of the feature maps that a head uses."""
        channels = [width for width, _ in self.probe_features([in_index] if isinstance(in_index, int) else in_index)]
        return channels[0] if isinstance(in_index, int) else channels

    def init_weights(self) -> None:
        """Initialise all weights, the backbone's from its ``init_cfg`` where that names a checkpoint.

        Raises:
            ConfigError: If pretrained weights cannot be loaded, or are not this backbone's.
        """
        init_cfg = getattr(self.backbone, 'init_cfg', None)
        source = init_cfg.get('checkpoint') if isinstance(init_cfg, dict) else None
        if source is None or self.is_init:
            with no_pickled_code():
                super().init_weights()
            return
        cure = ('give a local file with `model.backbone.init_cfg.checkpoint=FILE`, or train from scratch with '
                '`model.backbone.init_cfg=None` (phases.N.backbone in place of model.backbone for that of a phase, N '
                'from 0)')
        if Path(source).name == 'phase.safetensors' and len(Path(source).parts) > 2 and not Path(source).exists():
            cure = f'train the run {Path(source).parts[-3]} first, {cure}'
        # Matrices and kernels start at random, so that loading changes them; a norm's 1 and 0 may be the file's, too.
        before = {name: p.clone() for name, p in self.backbone.named_parameters() if p.dim() > 1}
        try:
            with no_pickled_code():
                super().init_weights()
        except CheckpointError as error:
            raise ConfigError(f'cannot load the pretrained weights {source!r}: {error}; {cure}') from error
        except UnpicklingError as error:  # of a download; torch's own words advise to load it unsafely
            raise ConfigError(f'cannot load the pretrained weights {source!r} (it is no file of weights, or holds more '
                              f'than weights, which could run code); {cure}') from error
        except (OSError, EOFError, ImportError, RuntimeError, ValueError, KeyError) as error:
            reason = str(error).strip().split('\n')[0]
            raise ConfigError(f'cannot load the pretrained weights {source!r} '
                              f'({type(error).__name__}: {reason}); {cure}') from error
        # mmengine only logs what does not match: a file of another backbone would leave it untrained.
        after = dict(self.backbone.named_parameters())
        same = [name for name, weight in before.items() if torch.equal(weight, after[name])]
        if len(same) > len(before) / 10:
            raise ConfigError(f'the pretrained weights {source!r} lack {len(same)} of the {len(before)} weights of '
                              f'{type(self.backbone).__name__}, for instance {same[0]!r}; {cure}')

    def heads_of(self, names: Iterable[str]) -> list[str]:
        """Name the heads of some tasks, each once."""
        return list(dict.fromkeys(self.tasks[name].head for name in names))

    def distinct_outputs(self, names: Iterable[str]) -> list[str]:
        """Name of some tasks the first of each head: the others of that head have the same output."""
        first: dict[str, str] = {}
        for name in names:
            first.setdefault(self.tasks[name].head, name)
        return list(first.values())

    def set_trainable_heads(self, names: Iterable[str]) -> None:
        """Make the heads of these tasks trainable and freeze the others, their normalisation statistics included.

        A frozen head is not in the optimizer either, so neither momentum nor weight decay moves it. What the head's own
        config fixes stays fixed.

        Args:
            names: The tasks that :class:`lhl.methods.Student` predicts in training, in this order.
        """
        self.trained_tasks = tuple(names)
        trained = self.heads_of(self.trained_tasks)
        for name, head in self.heads.items():
            for weight_name, weight in head.named_parameters():
                weight.requires_grad_(name in trained and f'{name}.{weight_name}' not in self.fixed_head_weights)
        self.train(self.training)

    def set_backbone_trainable(self, trainable: bool | Literal['weights']) -> None:
        """Freeze the backbone permanently, or what of it is not to be trained.

        Args:
            trainable: ``False`` freezes all of it, ``'weights'`` all but the weights of its convolutions and linear
                layers, and ``True`` what ``backbone_norm`` freezes alone.
        """
        self.backbone_trainable = trainable
        if trainable is not True:
            trained = {id(module.weight) for module in self.backbone.modules()
                       if trainable and isinstance(module, (nn.Conv2d, nn.Linear))}
            for parameter in self.backbone.parameters():
                if id(parameter) not in trained:
                    parameter.requires_grad_(False)
        if self.backbone_norm == 'freeze_all':
            for module in _batch_norms(self.backbone):
                module.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> 'Learner':
        """Switch to training or evaluation, keeping frozen what is frozen."""
        super().train(mode)
        trained = self.heads_of(self.trained_tasks)
        for name, head in self.heads.items():
            if name not in trained:
                head.eval()
        if not self.backbone_trainable:
            self.backbone.eval()
        only_weights = self.backbone_trainable == 'weights' or self.backbone_norm != 'train'
        frozen = self if self.norm_eval else self.backbone if only_weights else None
        for module in _batch_norms(frozen) if frozen is not None else ():
            module.eval()
        return self

    def extract_features(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Run the backbone on normalised images ``(B, 3, H, W)``; its feature maps, finest first."""
        if self.fixed_size is not None and inputs.shape[-2:] != self.fixed_size:
            (height, width), name = inputs.shape[-2:], type(self.backbone).__name__
            raise ConfigError(f'{name} was built for images of {self.fixed_size[0]} x {self.fixed_size[1]}, found one '
                              f'of {height} x {width}; set model.backbone.img_size=({height}, {width}), or use '
                              f'VisionTransformer or HFBackbone, which take any size')
        features = self.backbone(inputs)
        if self.main_map is not None and not isinstance(features, Tensor):
            return (features[self.main_map], )
        # mmsegmentation's MobileNets give the tensor itself where there is only one.
        return (features, ) if isinstance(features, Tensor) else tuple(features)

    def run_heads(self, features: tuple[Tensor, ...], names: Iterable[str]) -> dict[str, Tensor]:
        """Run the heads of the named tasks, each once, in the order of the names.

        Args:
            features: From :meth:`extract_features`.
            names: Tasks to predict.

        Returns:
            By the head's name, its raw output ``(B, C, h, w)`` in float32.
        """
        return {name: self.heads[name](features).float() for name in self.heads_of(names)}

    def interpret(self, raw: Mapping[str, Tensor], names: Iterable[str], size: Sequence[int]) -> dict[str, Tensor]:
        """Turn raw outputs of heads into predictions.

        Args:
            raw: From :meth:`run_heads`.
            names: Tasks whose head is in ``raw``.
            size: Height and width of the image, to which dense raw outputs are upsampled (bilinear).

        Returns:
            As :meth:`predict_tasks`.
        """
        names = tuple(names)
        upsampled = self.upsample({head: raw[head] for head in self.heads_of(names)}, size)
        return {name: self.tasks[name].predict(upsampled[self.tasks[name].head]) for name in names}

    def upsample(self, raw: Mapping[str, Tensor], size: Sequence[int]) -> dict[str, Tensor]:
        """Bring dense raw outputs of heads to the size of the image, bilinear; those of the whole image stay 1 x 1.

        Args:
            raw: From :meth:`run_heads`.
            size: Height and width of the image.
        """
        of_image = {task.head for task in self.tasks.values() if task.image_level}
        # Only a segmentor's head, which was trained elsewhere, may want its corners aligned.
        return {head: output if head in of_image else F.interpolate(
                    output, size=tuple(size), mode='bilinear',
                    align_corners=getattr(self.heads[head], 'align_corners', False))
                for head, output in raw.items()}

    def predict_tasks(self, features: tuple[Tensor, ...], names: Iterable[str],
                      size: Sequence[int]) -> dict[str, Tensor]:
        """Run the heads of the named tasks, each once.

        Args:
            features: From :meth:`extract_features`.
            names: Tasks to predict.
            size: Height and width of the image, to which dense raw outputs are upsampled (bilinear) in float32.

        Returns:
            For each task its prediction ``(B, C, H, W)`` in the task's unit; ``(B, C, 1, 1)`` of the whole image. Tasks
            that share a head have the same one.
        """
        names = tuple(names)
        return self.interpret(self.run_heads(features, names), names, size)

    def forward(self, inputs: Tensor, targets: Mapping[str, Tensor] | None = None,
                valid: Mapping[str, Tensor] | None = None, meta: list | None = None,
                mode: str = 'tensor') -> dict[str, Tensor] | list[dict[str, Tensor]]:
        """Predict all tasks of normalised images ``(B, 3, H, W)``, or those that there are targets of, in one pass.

        Args:
            inputs: Normalised images.
            targets: Part of what a data loader gives; their tasks are predicted, and without any, all.
            valid: Likewise; unused.
            meta: Likewise.
            mode: ``'predict'`` gives a list with one dict per image, task to prediction ``(C, H, W)``; ``'tensor'`` a
                dict, task to prediction ``(B, C, H, W)``.

        Raises:
            ValueError: If the mode is another one.
        """
        if mode not in ('predict', 'tensor'):
            raise ValueError(f"mode={mode!r} is unknown to Learner; use 'predict' or 'tensor', and for losses a "
                             f'lhl.methods.Student')
        names = [name for name in self.tasks if not targets or name in targets]
        predictions = self.predict_tasks(self.extract_features(inputs), names, inputs.shape[-2:])
        if mode == 'tensor':
            return predictions
        return [{name: prediction[i] for name, prediction in predictions.items()} for i in range(len(inputs))]


def _batch_norms(module: nn.Module) -> Iterator[nn.Module]:
    """Find the layers with running statistics."""
    return (m for m in module.modules() if isinstance(m, (nn.modules.batchnorm._BatchNorm, _BatchNormXd)))
