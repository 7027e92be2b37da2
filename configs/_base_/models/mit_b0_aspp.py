# MiT-B0, SegFormer's backbone (mmsegmentation's weights); its four stages are fused for one ASPP head per task.
model = dict(
    type='Learner',
    backbone=dict(
        type='MixVisionTransformer',
        embed_dims=32,
        num_layers=[2, 2, 2, 2],
        num_heads=[1, 2, 5, 8],
        out_indices=(0, 1, 2, 3),
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://mmassets.onedl.ai/mmsegmentation/v0.5/pretrain/segformer/'
            'mit_b0_20220624-7e0fe6dd.pth')),
    head=dict(
        type='ASPPHead', in_channels=(64, 32, 160, 256), in_index=(1, 0, 2, 3), dilations=(12, 24, 36), dropout=0.5))
