# DER on CityScapes with ResNet-50.
_base_ = [
    '../_base_/models/resnet50_aspp.py', '../_base_/datasets/cityscapes.py', '../_base_/schedules/adam_cityscapes.py',
    '../_base_/default_runtime.py'
]
method = dict(
    type='DER',
    weight=1.0,  # Table 6
    memory_size=50,  # Appendix C.3
    replay_batch_size=8)  # not stated; the buffer of the released code draws 8
