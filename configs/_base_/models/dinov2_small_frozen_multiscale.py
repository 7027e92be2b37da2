# DINOv2 ViT-S/14 with its weights as they are: heads alone are learned.
_base_ = ['./dinov2_small_multiscale.py']
model = dict(backbone=dict(frozen=True))
