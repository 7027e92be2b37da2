_base_ = ['./joint_tiny_synthrooms.py']
train_dataloader = dict(dataset=dict(labels='own_part'))
