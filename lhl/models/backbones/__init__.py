"""Backbones beside mmsegmentation's: small images', one with a neck, those of Hugging Face."""
from .alexnet import CIFARAlexNet
from .densenet import CIFARDenseNet
from .hf_backbone import HFBackbone
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
    'CIFARResNeXt', 'CIFARResNet', 'CIFARSENet', 'CIFARVGG', 'HFBackbone'
]
