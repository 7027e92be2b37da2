# HAD on NYUv2 while the backbone grows (the setting of HCL): ResNet-18, ResNet-50, Swin-T, each from ImageNet weights.
_base_ = ['./had_r18_nyuv2.py']
# The strengths are those for the ResNet-18; no others are known. The trained heads are adapted: for reinitialised ones
# the map of Swin-T's last stage, at stride 32 instead of 8, is too small for their dilations.
_base_.phases[1].update(
    old_heads='adapted',
    backbone=dict(
        depth=50,
        init_cfg=dict(type='Pretrained', checkpoint='https://download.pytorch.org/models/resnet50-0676ba61.pth')))
_base_.phases[2].update(
    old_heads='adapted',
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
            'swin_tiny_patch4_window7_224_20220317-1cdeb081.pth')))
# As in configs/_base_/models/swin_tiny_aspp.py.
model = dict(heads=dict(normal=dict(type='ASPPHead', in_channels=768, dilations=(3, 6, 9), dropout=0.5)))
