_base_ = ['../_base_/models/swin_tiny_aspp.py', '../_base_/streams/nyud.py', '../_base_/methods/single_task.py']
phases = [dict(task=name) for name in _base_.phases[0].tasks]
train_dataloader = dict(dataset=dict(part=None))  # all images, as the learners of all tasks have
