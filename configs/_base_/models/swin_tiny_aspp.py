# Swin-T (mmsegmentation's weights), last stage at stride 32; one ASPP head per task.
model = dict(
    type='Learner',
    backbone=dict(
        type='SwinTransformer',
        embed_dims=96,
        depths=(2, 2, 6, 2),
        num_heads=(3, 6, 12, 24),
        window_size=7,
        out_indices=(3, ),
        drop_path_rate=0.3,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='https://mmassets.onedl.ai/mmsegmentation/v0.5/pretrain/swin/'
            'swin_tiny_patch4_window7_224_20220317-1cdeb081.pth')),
    head=dict(type='ASPPHead', in_channels=768, dilations=(3, 6, 9), dropout=0.5))
