_base_ = ['../_base_/split_tiny_imagenet_growing.py']
# All classes at once with the last backbone of the stream; the loss is the mean over the tasks.
phases = [dict(tasks=list(_base_.tasks), backbone=_base_.phases[-1].backbone)]
method = dict(type='Joint', task_weights={name: 1 / len(_base_.tasks) for name in _base_.tasks})
