# ConvNeXt-T (Liu et al., CVPR 2022) of Hugging Face, ImageNet weights from its hub.
model = dict(
    type='Learner',
    backbone=dict(
        type='HFBackbone',
        config=dict(model_type='convnext', hidden_sizes=[96, 192, 384, 768], depths=[3, 3, 9, 3]),
        pretrained='facebook/convnext-tiny-224',
        out_indices=(1, 2, 3, 4)),
    head=dict(
        type='MultiScaleHead', in_channels=(96, 192, 384, 768), in_index=(0, 1, 2, 3), channels=256,
        dropout=0.1))
