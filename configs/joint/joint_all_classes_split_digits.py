_base_ = ['../_base_/streams/split_digits.py', '../_base_/methods/joint.py']
# All classes at once with the last backbone of the stream; the loss is the mean over the tasks.
phases = [dict(tasks=list(_base_.tasks), backbone=_base_.phases[-1].backbone)]
method = dict(task_weights={name: 1 / len(_base_.tasks) for name in _base_.tasks})
