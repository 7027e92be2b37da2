# NYUv2 with ResNet-18: segmentation, depth, normals (HAD, Sec. 5.1 and Appendix C.4).
_base_ = [
    '../models/resnet18_aspp.py', '../datasets/nyuv2.py', '../schedules/adam_nyuv2.py', '../default_runtime.py'
]
