# DER++ on CityScapes with ResNet-50.
_base_ = [
    '../_base_/models/resnet50_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
# The paper does not run DER++: alpha is that of DER (Table 6), beta is ours.
method = dict(
    type='DERpp',
    weight=1.0,
    label_weight=1.0,
    memory_size=50,
    replay_batch_size=8)
