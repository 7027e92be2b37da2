# The student of the rooms alone, 0.3 M parameters, from random weights: the reference of kd, dist and kdam.
_base_ = ['../vanilla/vanilla_r18_synthrooms.py']
model = dict(backbone=dict(stem_channels=8, base_channels=8), head=dict(in_channels=64, channels=16))
phases = [dict(tasks=list(_base_.tasks))]
train_cfg = dict(max_epochs=16)  # of 900 images, as joint_synthrooms3
method = dict(type='Joint', task_weights=dict(normal=24))  # as joint_synthrooms3
