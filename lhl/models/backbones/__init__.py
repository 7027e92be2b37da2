"""Backbones beside mmsegmentation's: those of heterogeneous continual learning for small images, one with a neck."""
from .alexnet import CIFARAlexNet
from .densenet import CIFARDenseNet
from .inception import CIFARInception
from .lenet import CIFARLeNet
from .regnet import CIFARRegNet
from .resnet import CIFARResNet
from .resnext import CIFARResNeXt
from .senet import CIFARSENet
from .vgg import CIFARVGG
from .with_neck import BackboneWithNeck

__all__ = [
    'BackboneWithNeck', 'CIFARAlexNet', 'CIFARDenseNet', 'CIFARInception', 'CIFARLeNet', 'CIFARRegNet',
    'CIFARResNeXt', 'CIFARResNet', 'CIFARSENet', 'CIFARVGG'
]
