# Swin-L (mmsegmentation's weights, from ImageNet-22K): a teacher.
_base_ = ['./swin_tiny_aspp.py']
model = dict(
    backbone=dict(
        embed_dims=192,
        depths=(2, 2, 18, 2),
        num_heads=(6, 12, 24, 48),
        init_cfg=dict(
            checkpoint='https://mmassets.onedl.ai/mmsegmentation/v0.5/pretrain/swin/'
            'swin_large_patch4_window7_224_22k_20220412-aeecf2aa.pth')),
    head=dict(in_channels=1536))
