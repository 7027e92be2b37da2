# The student of the tiny rooms alone, 0.3 M parameters: the reference of kd, dist and kdam.
_base_ = ['../joint/joint_tiny_synthrooms.py']
model = dict(backbone=dict(stem_channels=8, base_channels=8), head=dict(in_channels=64, channels=16))
train_cfg = dict(max_epochs=12)
