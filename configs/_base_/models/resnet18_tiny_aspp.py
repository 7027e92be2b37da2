# A quarter of ResNet-18's width and a small head, for a CPU: dilations that fit a 9x12 feature map, random weights.
_base_ = ['./resnet18_aspp.py']
model = dict(
    backbone=dict(stem_channels=16, base_channels=16, init_cfg=None),
    head=dict(in_channels=128, channels=32, dilations=(2, 4, 6), dropout=0.1))
