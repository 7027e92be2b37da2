# The dilated MobileNetV2 with ImageNet weights in a file on this machine, which this writes:
#     lhl convert mobilenet-v2 SOURCE data/pretrained/mobilenet_v2.safetensors
# Heads for small images: 3.2 M parameters with three tasks.
_base_ = ['./mobilenet_v2_aspp.py']
model = dict(
    backbone=dict(
        init_cfg=dict(
            checkpoint='data/pretrained/mobilenet_v2.safetensors',
            sha256='17c0ea0301a2db55d9932a1f44031a8ffb91133f69a9423f94c172014c831576')),
    head=dict(channels=48, dilations=(2, 4, 6), dropout=0.1))
