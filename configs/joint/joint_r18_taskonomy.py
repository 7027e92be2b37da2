_base_ = ['../_base_/streams/r18_taskonomy.py', '../_base_/methods/joint.py']
phases = [dict(tasks=list(_base_.tasks))]  # every image with all its labels, as in the paper
