# MobileNetV2 (ImageNet weights), dilated to output stride 8; one ASPP head per task.
model = dict(
    type='Learner',
    backbone=dict(
        type='MobileNetV2',
        widen_factor=1.0,
        strides=(1, 2, 2, 1, 1, 1, 1),
        dilations=(1, 1, 1, 2, 2, 4, 4),
        out_indices=(6, ),
        init_cfg=dict(type='Pretrained', checkpoint='mmcls://mobilenet_v2')),
    head=dict(type='ASPPHead', in_channels=320, dilations=(12, 24, 36), dropout=0.5))
