# A teacher with ImageNet weights, 3.2 M parameters: eleven times its students.
_base_ = ['../vanilla/vanilla_synthrooms3_pretrained.py']
phases = [dict(tasks=list(_base_.tasks))]
train_cfg = dict(max_epochs=16)  # of 900 images, as joint_synthrooms3
method = dict(type='Joint', task_weights=dict(normal=24))  # as joint_synthrooms3
