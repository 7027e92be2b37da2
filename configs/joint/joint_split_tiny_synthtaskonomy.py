# The label budget of the stream: each image is labelled for one task only.
_base_ = ['./joint_tiny_synthtaskonomy.py']
train_dataloader = dict(dataset=dict(labels='own_part'))
