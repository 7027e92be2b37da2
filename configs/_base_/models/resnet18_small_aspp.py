# ResNet-18 with 24 instead of 64 channels, 1.6 M parameters: the CPU benchmark's learner. Random weights.
_base_ = ['./resnet18_tiny_aspp.py']
model = dict(backbone=dict(stem_channels=24, base_channels=24), head=dict(in_channels=192, channels=48))
