"""Per-pixel divergence of the student's class probabilities from the teacher's, softened by a temperature."""
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _KLDivergenceMap(torch.autograd.Function):
    """``T^2 sum_c p_c (log p_c - log q_c)``, with the gradient ``T (q - p)``, of which one buffer is kept.

    Two log-softmaxes of PyTorch would keep both and make as many tensors of the logits' size on the way. A loss that
    rounding made negative is 0 here, without losing its gradient.
    """

    @staticmethod
    def forward(ctx, logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
        log_student = (logits / temperature).log_softmax(dim=1)
        log_teacher = (teacher_logits / temperature).log_softmax(dim=1)
        teacher = log_teacher.exp()
        divergence = log_teacher.sub_(log_student).mul_(teacher).sum(dim=1)
        ctx.save_for_backward(log_student.exp_().sub_(teacher).mul_(temperature))
        return divergence.clamp_(min=0).mul_(temperature**2)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:
        difference, = ctx.saved_tensors
        return difference * gradient.unsqueeze(1), None, None


def kl_divergence_map(logits: Tensor, teacher_logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Compute T^2 KL(softmax(teacher / T) || softmax(student / T)) of each pixel (Hinton et al., 2015, Sec. 2).

    The factor T^2 keeps the size of the gradient: at high temperatures it does not depend on T.

    Args:
        logits: The student's, ``(B, C, H, W)``; half precision is computed in float32. Differentiable once.
        teacher_logits: The teacher's, ``(B, C, H, W)``; a constant.
        temperature: T, above 0; the higher, the more the less likely classes count.

    Returns:
        ``(B, H, W)``, non-negative; 0 where both have the same probabilities.
    """
    if logits.dtype != torch.float64:
        logits = logits.float()
    return _KLDivergenceMap.apply(logits, teacher_logits.detach().to(logits.dtype), temperature)
