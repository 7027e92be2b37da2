# The paper's learner: dilated ResNet-18, output stride 8, ImageNet weights; one ASPP head per task (HAD, Sec. 5.1).
model = dict(
    type='Learner',
    backbone=dict(
        type='ResNet',
        depth=18,
        num_stages=4,
        out_indices=(3, ),
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        contract_dilation=True,
        style='pytorch',
        norm_cfg=dict(type='BN', requires_grad=True),
        init_cfg=dict(type='Pretrained', checkpoint='https://download.pytorch.org/models/resnet18-f37072fd.pth')),
    head=dict(type='ASPPHead', in_channels=512, channels=256, dilations=(12, 24, 36), dropout=0.5))
