# HAD on NYUv2 while the backbone grows (the setting of HCL): ResNet-18, ResNet-50, Swin-T, each from ImageNet weights.
_base_ = ['./had_r18_nyuv2.py']
# The strengths are those for the ResNet-18, for want of others. The trained heads are adapted: to fresh ones of their
# kind the stride of Swin-T's last stage, 32 in place of 8, would leave a map that their dilations jump over.
phases = [
    dict(task='segmentation'),
    dict(
        task='depth',
        old_heads='adapted',
        backbone=dict(
            depth=50,
            init_cfg=dict(type='Pretrained', checkpoint='https://download.pytorch.org/models/resnet50-0676ba61.pth'))),
    dict(
        task='normal',
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
                'swin_tiny_patch4_window7_224_20220317-1cdeb081.pth'))),
]
# As in configs/_base_/models/swin_tiny_aspp.py.
model = dict(heads=dict(normal=dict(type='ASPPHead', in_channels=768, dilations=(3, 6, 9), dropout=0.5)))
