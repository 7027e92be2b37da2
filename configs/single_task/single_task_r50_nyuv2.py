# One ResNet-50 model per task of NYUv2, each on the images of its phase: the label amount of the stream (HAD, Fig. 4).
_base_ = [
    '../_base_/models/resnet50_aspp.py', '../_base_/datasets/nyuv2.py', '../_base_/schedules/adam_nyuv2.py',
    '../_base_/default_runtime.py'
]
method = dict(type='SingleTask')
