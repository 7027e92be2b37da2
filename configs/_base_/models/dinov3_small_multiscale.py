# DINOv3 ViT-S/16 (Simeoni et al., 2025) of Hugging Face; its licence has to be accepted on the hub.
model = dict(
    type='Learner',
    backbone=dict(
        type='HFBackbone',
        config=dict(
            model_type='dinov3_vit', patch_size=16, hidden_size=384, num_hidden_layers=12, num_attention_heads=6,
            intermediate_size=1536, num_register_tokens=4),
        pretrained='facebook/dinov3-vits16-pretrain-lvd1689m',
        out_indices=(3, 6, 9, 12)),
    head=dict(
        type='MultiScaleHead', in_channels=(384, 384, 384, 384), in_index=(0, 1, 2, 3), channels=256,
        scale=2, dropout=0.1))
