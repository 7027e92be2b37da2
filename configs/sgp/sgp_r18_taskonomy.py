# SGP on Taskonomy with ResNet-18. The paper gives no threshold; these are the original's options for CIFAR-100.
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/taskonomy.py', '../_base_/schedules/adam_taskonomy.py',
    '../_base_/default_runtime.py'
]
method = dict(
    type='SGP',
    scale=100.0,  # alpha of Table 6
    threshold=0.97,
    threshold_step=0.003,
    num_images=125)
