"""Per-pixel cross-entropy that keeps no copy of the logits."""
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _CrossEntropyMap(torch.autograd.Function):
    """``logsumexp(z) - z[label]``, with the gradient ``softmax(z) - onehot(label)`` written in one buffer.

    PyTorch's own keeps the log-softmax and makes two more tensors of the logits' size on the way back: at 48 images of
    288x384 and 13 classes, 790 MiB where this needs 264, the gradient itself.
    """

    @staticmethod
    def forward(ctx, logits: Tensor, labels: Tensor) -> Tensor:
        parts = [_forward(*part) for part in zip(*_parts(logits, labels), strict=True)]
        loss, log_normalizer = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
        ctx.save_for_backward(logits, labels, log_normalizer, loss)
        return loss.squeeze(1)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        result = torch.empty_like(ctx.saved_tensors[0])
        for part in zip(*_parts(*ctx.saved_tensors, gradient.unsqueeze(1), result), strict=True):
            _backward(*part)
        return result, None


def _parts(*tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """Cut tensors ``(B, ...)``, on the CPU into images: for larger temporaries the system has to find new pages."""
    size = 1 if tensors[0].device.type == 'cpu' else max(len(tensors[0]), 1)
    return [tensor.split(size) for tensor in tensors]


def _forward(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    # Relative to the largest logit: the small loss of a certain pixel would be lost in a difference of large ones.
    largest = logits.amax(dim=1, keepdim=True)
    log_normalizer = (logits - largest).exp_().sum(dim=1, keepdim=True).log_()
    loss = (log_normalizer - (logits.gather(1, labels.unsqueeze(1)) - largest)).clamp_(min=0)
    return loss, largest.add_(log_normalizer)


def _backward(logits: Tensor, labels: Tensor, log_normalizer: Tensor, loss: Tensor, gradient: Tensor,
              result: Tensor) -> None:
    torch.sub(logits, log_normalizer, out=result).exp_().mul_(gradient)
    # softmax - 1 at the label is exp(-loss) - 1, which expm1 keeps precise where the loss is small.
    result.scatter_(1, labels.unsqueeze(1), torch.expm1(-loss) * gradient)


def cross_entropy_map(logits: Tensor, labels: Tensor) -> Tensor:
    """Compute the cross-entropy of each pixel.

    Args:
        logits: ``(B, C, H, W)``; half precision is computed in float32. Differentiable once.
        labels: ``(B, H, W)`` int64 in ``[0, C)``.

    Returns:
        ``(B, H, W)``, non-negative. Its gradient with respect to a logit never exceeds 1.
    """
    if logits.dtype != torch.float64:
        logits = logits.float()
    return _CrossEntropyMap.apply(logits, labels)


def smoothed_cross_entropy_map(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """Compute the cross-entropy of each pixel against a label of which all classes have an equal share.

    The label's probability is ``1 - smoothing + smoothing / C``, that of each other class ``smoothing / C`` (Szegedy et
    al., 2016).

    Args:
        logits: ``(B, C, H, W)``; half precision is computed in float32. Differentiable once.
        labels: ``(B, H, W)`` int64 in ``[0, C)``.
        smoothing: In [0, 1).

    Returns:
        ``(B, H, W)``, positive where smoothing is.
    """
    if logits.dtype != torch.float64:
        logits = logits.float()
    uniform = logits.logsumexp(dim=1) - logits.mean(dim=1)
    return (1 - smoothing) * cross_entropy_map(logits, labels) + smoothing * uniform
