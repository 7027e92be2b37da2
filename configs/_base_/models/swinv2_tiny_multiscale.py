# Swin V2-T (Liu et al., CVPR 2022) of Hugging Face, ImageNet weights from its hub.
model = dict(
    type='Learner',
    backbone=dict(
        type='HFBackbone',
        config=dict(
            model_type='swinv2', image_size=256, window_size=8, embed_dim=96, depths=[2, 2, 6, 2],
            num_heads=[3, 6, 12, 24]),
        pretrained='microsoft/swinv2-tiny-patch4-window8-256',
        out_indices=(1, 2, 3, 4)),
    head=dict(
        type='MultiScaleHead', in_channels=(96, 192, 384, 768), in_index=(0, 1, 2, 3), channels=256,
        dropout=0.1))
