# The teacher of the tiny rooms, 4.4 M parameters: sixteen times its students.
_base_ = ['../joint/joint_tiny_synthrooms.py']
model = dict(backbone=dict(stem_channels=32, base_channels=32), head=dict(in_channels=256, channels=64))
train_cfg = dict(max_epochs=10)
