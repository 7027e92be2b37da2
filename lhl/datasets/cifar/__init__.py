"""CIFAR-10 and CIFAR-100."""
from .dataset import CIFAR10, CIFAR100

__all__ = ['CIFAR10', 'CIFAR100']
