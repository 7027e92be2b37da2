# The paper's larger learner: dilated ResNet-50, output stride 8, ImageNet weights (HAD, Sec. 5.1).
_base_ = ['./resnet18_aspp.py']
model = dict(
    backbone=dict(
        depth=50,
        init_cfg=dict(checkpoint='https://download.pytorch.org/models/resnet50-0676ba61.pth')),
    head=dict(in_channels=2048))
