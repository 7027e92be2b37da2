# DINOv2 ViT-S/14 (Oquab et al., TMLR 2024) of Hugging Face, weights from its hub; four depths for
# one small head per task.
model = dict(
    type='Learner',
    backbone=dict(
        type='HFBackbone',
        config=dict(
            model_type='dinov2', image_size=518, patch_size=14, hidden_size=384, num_hidden_layers=12,
            num_attention_heads=6),
        pretrained='facebook/dinov2-small',
        out_indices=(3, 6, 9, 12)),
    head=dict(
        type='MultiScaleHead', in_channels=(384, 384, 384, 384), in_index=(0, 1, 2, 3), channels=256,
        scale=2, dropout=0.1))
