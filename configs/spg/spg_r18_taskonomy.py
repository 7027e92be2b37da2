# SPG on Taskonomy with ResNet-18. It has no hyperparameter.
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/taskonomy.py', '../_base_/schedules/adam_taskonomy.py',
    '../_base_/default_runtime.py'
]
method = dict(type='SPG')
