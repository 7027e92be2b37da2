# CityScapes with ResNet-18: segmentation, depth (HAD, Sec. 5.1 and Appendix C.4).
# The other order of Table 8: --cfg-options order=[depth,segmentation]
_base_ = [
    '../models/resnet18_aspp.py', '../datasets/cityscapes.py', '../schedules/adam_cityscapes.py',
    '../default_runtime.py'
]
