# HCL on NYUv2 with ResNet-50. Its paper has no dense tasks: the weight is LwF's (Table 6), the inversion has HCL's
# options for CIFAR-100, and there are as many images as replay methods store (HCL has 200 of 32x32 pixels).
_base_ = [
    '../_base_/models/resnet50_aspp.py', '../_base_/datasets/nyuv2.py', '../_base_/schedules/adam_nyuv2.py',
    '../_base_/default_runtime.py'
]
method = dict(
    type='HCL',
    weight=5.0,
    inversion=dict(type='QuickDeepInversion', steps=500, warmup_steps=100, learning_rate=0.03),
    num_images=50)
