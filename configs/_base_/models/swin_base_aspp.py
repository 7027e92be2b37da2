# Swin-B (mmsegmentation's weights, from ImageNet-22K): a teacher.
_base_ = ['./swin_tiny_aspp.py']
model = dict(
    backbone=dict(
        embed_dims=128,
        depths=(2, 2, 18, 2),
        num_heads=(4, 8, 16, 32),
        init_cfg=dict(
            checkpoint='https://mmassets.onedl.ai/mmsegmentation/v0.5/pretrain/swin/'
            'swin_base_patch4_window7_224_22k_20220317-4f79f7c0.pth')),
    head=dict(in_channels=1024))
