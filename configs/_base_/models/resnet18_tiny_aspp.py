# ResNet-18 with 16 instead of 64 channels, 0.7 M parameters: the quickstart's learner. Random weights.
# The ASPP dilations fit the 9x12 feature map of a 72x96 image; 12 and more would be 1x1 convolutions there.
_base_ = ['./resnet18_aspp.py']
model = dict(
    backbone=dict(stem_channels=16, base_channels=16, init_cfg=None),
    head=dict(in_channels=128, channels=32, dilations=(2, 4, 6), dropout=0.1))
