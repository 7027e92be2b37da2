# DINOv3 ConvNeXt-T of Hugging Face; its licence has to be accepted on the hub.
model = dict(
    type='Learner',
    backbone=dict(
        type='HFBackbone',
        config=dict(model_type='dinov3_convnext', hidden_sizes=[96, 192, 384, 768], depths=[3, 3, 9, 3]),
        pretrained='facebook/dinov3-convnext-tiny-pretrain-lvd1689m',
        out_indices=(1, 2, 3, 4)),
    head=dict(
        type='MultiScaleHead', in_channels=(96, 192, 384, 768), in_index=(0, 1, 2, 3), channels=256,
        dropout=0.1))
