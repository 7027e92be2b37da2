# SGP on CityScapes with ResNet-50. The paper gives no threshold; these are the original's options for CIFAR-100.
_base_ = [
    '../_base_/models/resnet50_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
method = dict(
    type='SGP',
    scale=1000.0,  # alpha of Table 6
    threshold=0.97,
    threshold_step=0.003,
    num_images=125)
