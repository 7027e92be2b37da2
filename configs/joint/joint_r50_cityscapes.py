_base_ = ['../_base_/streams/r50_cityscapes.py', '../_base_/methods/joint.py']
phases = [dict(tasks=list(_base_.tasks))]  # every image with all its labels, as in the paper
