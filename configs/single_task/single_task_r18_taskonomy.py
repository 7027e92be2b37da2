# One ResNet-18 model per task of Taskonomy, each on the images of its phase: the label amount of the stream.
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/taskonomy.py', '../_base_/schedules/adam_taskonomy.py',
    '../_base_/default_runtime.py'
]
method = dict(type='SingleTask')
