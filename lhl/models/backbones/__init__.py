"""Backbones for small images, beside mmsegmentation's: the architectures of heterogeneous continual learning."""
from .alexnet import CIFARAlexNet
from .densenet import CIFARDenseNet
from .inception import CIFARInception
from .lenet import CIFARLeNet
from .regnet import CIFARRegNet
from .resnet import CIFARResNet
from .resnext import CIFARResNeXt
from .senet import CIFARSENet
from .vgg import CIFARVGG

__all__ = [
    'CIFARAlexNet', 'CIFARDenseNet', 'CIFARInception', 'CIFARLeNet', 'CIFARRegNet', 'CIFARResNeXt', 'CIFARResNet',
    'CIFARSENet', 'CIFARVGG'
]
