"""Mean and variance of a backbone's features: of what runs through it now, and of what it remembers from training."""
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

#: By the layer's name, mean and variance of each channel over all images and positions, ``(C, )`` both.
Statistics = dict[str, tuple[Tensor, Tensor]]


@contextmanager
def feature_statistics(backbone: nn.Module) -> Iterator[Statistics]:
    """Note the statistics of every batch that runs through a backbone while the context lasts.

    They are those of the *input* of every batch normalisation that keeps statistics (DeepInversion, CVPR 2020). A
    backbone without one has those of the input of every layer normalisation, which are the tokens that come into the
    blocks of a transformer (ours), or without these, too, those of the *output* of every convolution and linear layer
    (HCL). Every hook is gone afterwards.

    Args:
        backbone: Runs inside the context; it is not changed.

    Yields:
        A dict that holds the statistics of the latest batch, connected to its graph.
    """
    found: Statistics = {}
    norms: Mapping[str, nn.Module] = _batch_norms(backbone) or _layers(backbone, nn.LayerNorm)
    layers = norms or _layers(backbone, nn.Conv2d, nn.Linear)

    def note(name: str, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        # A copy of the output: an activation in place would change what the gradient of the variance needs.
        features = inputs[0] if norms else output.clone()
        channels = features.dim() - 1 if isinstance(layer, (nn.LayerNorm, nn.Linear)) else 1
        axes = [axis for axis in range(features.dim()) if axis != channels]
        found[name] = features.mean(axes), features.var(axes, correction=0)

    handles = [layer.register_forward_hook(partial(note, name)) for name, layer in layers.items()]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def remembered_statistics(backbone: nn.Module, batches: Iterable[Tensor]) -> Statistics:
    """Say which statistics the features ought to have.

    Args:
        backbone: In evaluation mode. With batch normalisations it remembers: these are the running statistics.
        batches: Real images ``(B, 3, H, W)``, looked at where it remembers none: these are the statistics of all of
            them together.
    """
    norms = _batch_norms(backbone)
    if norms:
        return {name: (norm.get_buffer('running_mean'), norm.get_buffer('running_var')) for name, norm in norms.items()}
    count = 0
    sums: dict[str, Tensor] = {}
    with feature_statistics(backbone) as found:
        for batch in batches:
            backbone(batch)
            count += len(batch)
            for name, (mean, variance) in found.items():
                mean = mean.double()
                moments = len(batch) * torch.stack([mean, variance.double() + mean.square()])
                sums[name] = sums[name] + moments if name in sums else moments
    averages = {name: moments / count for name, moments in sums.items()}
    return {name: (mean.float(), (square - mean.square()).float()) for name, (mean, square) in averages.items()}


def statistics_distance(found: Statistics, remembered: Statistics) -> Tensor:
    """Sum over the layers the Euclidean distances of the means and of the variances, not squared (DeepInversion, R).

    Args:
        found: From :func:`feature_statistics`. Differentiable.
        remembered: From :func:`remembered_statistics`.

    Returns:
        A scalar; 0 with the gradient 0 where all statistics agree.
    """
    distances = [torch.linalg.vector_norm(ours - theirs) for name, pair in remembered.items()
                 for ours, theirs in zip(found[name], pair, strict=True)]
    return torch.stack(distances).sum()


def _batch_norms(backbone: nn.Module) -> dict[str, nn.Module]:
    """Find the batch normalisations that keep running statistics."""
    norms = _layers(backbone, nn.modules.batchnorm._BatchNorm)
    return {name: norm for name, norm in norms.items() if norm.running_mean is not None}


def _layers(backbone: nn.Module, *kinds: type[nn.Module]) -> dict[str, nn.Module]:
    """Find the layers of some kinds by their names."""
    return {name: layer for name, layer in backbone.named_modules() if isinstance(layer, kinds)}
