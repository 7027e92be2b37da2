"""GPM: gradient projection memory (Saha et al., ICLR 2021)."""
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, broadcast, is_main_process
from mmengine.logging import print_log
from torch import Tensor, nn

from lhl.errors import CheckpointError, ConfigError, DivergenceError
from lhl.models import Learner
from lhl.options import Count, Fraction, NotNegative
from lhl.registry import METHODS

from .base import Method, Phase, Requirements
from .data_passes import each_batch_once, num_images

if TYPE_CHECKING:
    from torch.utils.data import DataLoader


Layer = nn.Conv2d | nn.Linear


@METHODS.register_module()
class GPM(Method):
    """Change the weights of the backbone only in directions that the inputs of earlier phases did not take.

    For each convolution and linear layer the method keeps an orthonormal basis of the inputs that mattered. A change of
    the weight orthogonal to it leaves the layer's output for such inputs, and so the old predictions, as they were.

    Weights are protected, and nothing else: unless ``freeze_rest`` is given, the affine weights and statistics of
    normalisation layers follow the stream's own policy for these, and biases and position embeddings learn freely. What
    is protected then drifts through them. Old heads are frozen in any case.

    Args:
        threshold: Part of the energy, the sum of squares, of a layer's inputs that its basis must hold, in (0, 1].
            0.97 is the original's for CIFAR-100.
        threshold_step: What is added to it in each phase, up to 1.
        num_images: How many images of a phase are looked at, drawn at random.
        edit: Project the optimizer's ``'update'`` or the ``'gradient'``, as the paper writes it. The latter holds for
            plain SGD only: Adam divides each component by its own scale and so turns a projected gradient back into
            the protected directions, and weight decay knows nothing of them (SGP's own code for reinforcement
            learning, which has Adam, projects the update).
        freeze_rest: From phase 2 on train nothing of the backbone but its weights, as the authors' code does, which
            gives the normalisations no gradient after the first task and has no biases: these, position embeddings and
            the statistics of normalisations stay as phase 1 left them.

    Raises:
        ConfigError: If an option is out of its range.
    """

    def __init__(self, threshold: Fraction = 0.97, threshold_step: NotNegative = 0.003, num_images: Count = 125,
                 edit: Literal['update', 'gradient'] = 'update', freeze_rest: bool = False) -> None:
        name = type(self).__name__
        if not 0 < threshold <= 1:
            raise ConfigError(f'threshold={threshold!r} is impossible for {name}; give a number above 0 and up to 1')
        if not threshold_step >= 0:
            raise ConfigError(f'threshold_step={threshold_step!r} is impossible for {name}; give 0 or a small positive '
                              f'number')
        if not isinstance(num_images, int) or num_images < 1:
            raise ConfigError(f'num_images={num_images!r} is impossible for {name}; give a whole number of at least 1')
        if edit not in ('update', 'gradient'):
            raise ConfigError(f"edit={edit!r} is unknown to {name}; use 'update' or 'gradient'")
        self.threshold = threshold
        self.threshold_step = threshold_step
        self.num_images = num_images
        self.freeze_rest = freeze_rest
        self.requires = Requirements(same_backbone=True, edits=edit)
        #: Per layer of the backbone an orthonormal ``(d, r)``, d being the length of an input: of a patch, in a
        #: convolution.
        self.bases: dict[str, Tensor] = {}
        #: Per layer ``(r, )`` in [0, 1]: how much of the change along each basis vector is taken away.
        self.importances: dict[str, Tensor] = {}

    def trains_backbone(self, phase: Phase) -> bool | Literal['weights']:
        """The first phase trains all of it, as a later one does unless the rest is frozen."""
        return 'weights' if self.freeze_rest and phase.index > 1 else True

    def begin_phase(self, learner: Learner, phase: Phase) -> None:
        """Make sure that the bases are those of this backbone.

        Raises:
            ConfigError: If a layer of the backbone cannot be protected.
            CheckpointError: If the bases belong to another backbone.
        """
        super().begin_phase(learner, phase)
        layers = dict(_layers(learner.backbone))
        if self.bases:
            _check_bases(self.bases, layers)

    def edit_gradients(self, learner: Learner) -> None:
        """Project the gradients."""
        for name, weight in self._protected(learner):
            if weight.grad is not None:
                weight.grad.sub_(self._protected_part(name, weight.grad))

    def edit_update(self, learner: Learner, before: dict[str, Tensor]) -> None:
        """Project what the optimizer did to the weights: moments, weight decay and all."""
        for name, weight in self._protected(learner):
            weight.sub_(self._protected_part(name, weight - before[f'backbone.{name}.weight']))

    def _protected(self, learner: Learner) -> Iterator[tuple[str, nn.Parameter]]:
        """Give the layers that learn and have something to protect."""
        for name, basis in self.bases.items():
            weight = learner.backbone.get_submodule(name).weight
            if weight.requires_grad and basis.shape[1]:
                yield name, weight

    def _protected_part(self, name: str, change: Tensor) -> Tensor:
        """Compute dW M Lambda M^T, dW being a change of a layer's weight as ``(out, d)``."""
        # A checkpoint's tensors arrive on the CPU.
        self.bases[name] = basis = self.bases[name].to(change.device)
        self.importances[name] = importance = self.importances[name].to(change.device)
        return ((change.flatten(1) @ basis * importance) @ basis.T).view(change.shape)

    @torch.no_grad()
    def end_phase(self, learner: Learner, phase: Phase, dataloader: 'DataLoader') -> None:
        """Extend the bases by the directions of this phase's inputs."""
        threshold = min(1.0, self.threshold + (phase.index - 1) * self.threshold_step)
        # Evaluation mode, because that is how the predictions to be kept are made.
        learner.eval()
        grams = self._input_grams(learner, phase, dataloader)
        learner.train()
        for name in list(grams):
            gram = grams.pop(name)
            all_reduce(gram)
            if not gram.isfinite().all():
                raise DivergenceError(f'{type(self).__name__}: the inputs of the layer backbone.{name} are not finite '
                                      f'on the images of phase {phase.index}; lower the learning rate, or check the '
                                      f'images')
            basis = self.bases.get(name, torch.zeros(len(gram), 0)).to(gram)
            importance = self.importances.get(name, torch.zeros(0)).to(gram)
            if is_main_process():
                basis, strengths = extend_basis(gram, basis, threshold)
                importance = self.importance(strengths, importance)
            # A basis is not unique and eigen-solvers differ between machines, so there is one for all processes.
            rank = torch.tensor(basis.shape[1], device=gram.device)
            broadcast(rank)
            if not is_main_process():
                basis, importance = gram.new_empty(len(gram), int(rank)), gram.new_empty(int(rank))
            basis, importance = basis.float().contiguous(), importance.float()
            broadcast(basis)
            broadcast(importance)
            self.bases[name] = basis
            self.importances[name] = importance
        protected = sum(importance.sum().item() for importance in self.importances.values())
        print_log(f'{type(self).__name__}: after {", ".join(phase.new_tasks)} the bases hold '
                  f'{sum(basis.shape[1] for basis in self.bases.values())} of '
                  f'{sum(len(basis) for basis in self.bases.values())} directions, their importances add up to '
                  f'{protected:.1f}', logger='current')

    def importance(self, strengths: Tensor, previous: Tensor) -> Tensor:
        """Compute how much each basis vector is protected: fully.

        Args:
            strengths: ``(r, )``, how strongly this phase's inputs take each direction, see :func:`extend_basis`.
            previous: The importance of the first of them, those of earlier phases.

        Returns:
            ``(r, )`` in [0, 1].
        """
        return torch.ones_like(strengths)

    def _input_grams(self, learner: Learner, phase: Phase, dataloader: 'DataLoader') -> dict[str, Tensor]:
        """Sum x x^T over all inputs x of each layer, on this process's share of the drawn images.

        The products of all inputs would fill memory; these ``(d, d)`` sums have the same singular vectors, and the
        squares of the singular values. In float64, because squaring halves the digits.
        """
        state = np.random.SeedSequence((phase.seed, phase.index)).generate_state(4)
        drawn = np.random.RandomState(state).permutation(num_images(dataloader))[:self.num_images]
        grams: dict[str, Tensor] = {}
        hooks = []

        def gather(name: str, layer: Layer, inputs: Tensor) -> None:
            for rows in _input_rows(layer, inputs):
                grams[name].addmm_(rows.T, rows)

        try:
            for name, layer in _layers(learner.backbone):
                size = layer.weight[0].numel()
                grams[name] = torch.zeros(size, size, dtype=torch.float64, device=layer.weight.device)
                hooks.append(layer.register_forward_pre_hook(
                    lambda layer, inputs, name=name: gather(name, layer, inputs[0])))
            for _, batch in each_batch_once(learner, dataloader, indices=drawn.tolist()):
                learner.extract_features(batch.inputs)
        finally:
            for hook in hooks:
                hook.remove()
        return grams

    def state_dict(self) -> dict[str, Tensor]:
        """Give the bases and importances."""
        return {f'{name}.basis': basis for name, basis in self.bases.items()} | {
            f'{name}.importance': importance for name, importance in self.importances.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take back what :meth:`state_dict` gave."""
        self.bases = {key.removesuffix('.basis'): value for key, value in state.items() if key.endswith('.basis')}
        self.importances = {name: state[f'{name}.importance'] for name in self.bases}


def extend_basis(gram: Tensor, basis: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """Extend a basis by the fewest directions with which it holds enough of the energy of new inputs.

    With R the matrix whose columns are the inputs, it takes the leading left singular vectors of R - M M^T R. It takes
    the first number of them that reaches the threshold; the original code stops one short of it in the first phase.

    Args:
        gram: ``(d, d)`` float64, R R^T.
        basis: ``(d, r)`` float64, M, orthonormal but for rounding; r may be 0.
        threshold: Part of the energy to reach, in (0, 1].

    Returns:
        The basis ``(d, r + k)``, its first r columns those given but for their sign, and the strength ``(r + k, )`` of
        each direction in R: the length of its row of M^T R, which for the added directions is their singular value and
        for the others SGP's surrogate of it.
    """
    size, num_old = basis.shape
    basis = torch.linalg.qr(basis)[0]  # rounding must not add up over the phases
    inside = (basis * (gram @ basis)).sum(dim=0).clamp(min=0)
    outside = gram - basis @ (basis.T @ gram)
    outside = outside - (outside @ basis) @ basis.T
    values, vectors = torch.linalg.eigh((outside + outside.T) / 2)
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    energy = gram.trace()
    held = inside.sum() + torch.cat([values.new_zeros(1), values.cumsum(0)])
    needed = int((held < threshold * energy).sum())
    # Rounding alone may keep a threshold of 1 from being reached; there is nothing in the directions left then.
    existing = int((values > size * torch.finfo(values.dtype).eps * energy).sum())
    num_new = min(needed, existing, size - num_old)
    basis = torch.linalg.qr(torch.cat([basis, vectors[:, :num_new]], dim=1))[0]
    return basis, torch.cat([inside, values[:num_new]]).sqrt()


def _input_rows(layer: Layer, inputs: Tensor) -> Iterator[Tensor]:
    """Give the inputs ``(n, d)`` that the rows of a layer's weight are multiplied with, part by part."""
    if isinstance(layer, nn.Linear):
        yield inputs.double().reshape(-1, layer.in_features)
        return
    for image in inputs:  # patches overlap: those of a whole batch would be many times larger than the batch
        assert not isinstance(layer.padding, str)  # see _layers
        patches = F.unfold(image.double()[None], layer.kernel_size, layer.dilation, layer.padding, layer.stride)
        yield patches[0].T


def _layers(backbone: nn.Module) -> Iterator[tuple[str, Layer]]:
    """Give the layers that have a basis, by name.

    Raises:
        ConfigError: If a layer multiplies its input by a weight in a way that one basis does not describe.
    """
    for name, module in backbone.named_modules():
        if isinstance(module, nn.Linear) or (
                isinstance(module, nn.Conv2d) and module.groups == 1 and module.padding_mode == 'zeros'
                and not isinstance(module.padding, str)):
            yield name, module
        elif any(key.endswith('weight') and parameter.dim() > 1
                 for key, parameter in module.named_parameters(recurse=False)):
            raise ConfigError(f'GPM and SGP cannot protect the layer backbone.{name}, found '
                              f'{type(module).__name__}({module.extra_repr()}), expected an ungrouped convolution or a '
                              f'linear layer; use such a backbone, for instance ResNet, or another method')


def _check_bases(bases: dict[str, Tensor], layers: Mapping[str, Layer]) -> None:
    cure = 'load a state of the same backbone, from the phase before'
    for name in [*bases, *layers]:
        if name not in layers:
            raise CheckpointError(f'the state has the basis {name}.basis of shape {tuple(bases[name].shape)}, expected '
                                  f'none, as the backbone has no such layer; {cure}')
        size = layers[name].weight[0].numel()
        if name not in bases:
            raise CheckpointError(f'the state has no basis {name}.basis, expected one of shape ({size}, any); {cure}')
        if len(bases[name]) != size:
            raise CheckpointError(f'the basis {name}.basis has the shape {tuple(bases[name].shape)}, expected '
                                  f'({size}, any); {cure}')
