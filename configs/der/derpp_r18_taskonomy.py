# DER++ on Taskonomy with ResNet-18.
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/taskonomy.py', '../_base_/schedules/adam_taskonomy.py',
    '../_base_/default_runtime.py'
]
# The paper does not run DER++: alpha is that of DER (Table 6), beta is ours.
method = dict(
    type='DERpp',
    weight=0.1,
    label_weight=0.1,
    memory_size=50,
    replay_batch_size=8)
