# MobileNetV2 with ImageNet weights in a file on this machine, which this writes:
#     lhl convert mobilenet-v2 SOURCE data/pretrained/mobilenet_v2.safetensors
# Dilated to output stride 8, 2.5 M parameters; ASPP heads for small images.
model = dict(
    type='Learner',
    backbone=dict(
        type='MobileNetV2',
        widen_factor=1.0,
        strides=(1, 2, 2, 1, 1, 1, 1),
        dilations=(1, 1, 1, 2, 2, 4, 4),
        out_indices=(6, ),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='data/pretrained/mobilenet_v2.safetensors',
            sha256='17c0ea0301a2db55d9932a1f44031a8ffb91133f69a9423f94c172014c831576')),
    head=dict(type='ASPPHead', in_channels=320, channels=48, dilations=(2, 4, 6), dropout=0.1))
