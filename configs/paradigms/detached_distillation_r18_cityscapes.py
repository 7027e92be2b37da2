# Paradigm 1 of Table 3, here on CityScapes with ResNet-18: the encoder does not feel the distillation. The paper gives
# it no alpha; this is HAD's (Appendix C.4).
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
method = dict(type='DetachedDistillation', alpha=100.0)
