# Self-distillation (Eq. 3) on CityScapes with ResNet-50. The paper gives DIS no alpha; this is HAD's (Appendix C.4).
_base_ = [
    '../_base_/models/resnet50_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
method = dict(type='DIS', alpha=1.0)
