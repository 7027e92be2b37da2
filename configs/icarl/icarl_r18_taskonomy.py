# iCaRL on Taskonomy with ResNet-18.
_base_ = [
    '../_base_/models/resnet18_aspp.py', '../_base_/datasets/taskonomy.py', '../_base_/schedules/adam_taskonomy.py',
    '../_base_/default_runtime.py'
]
method = dict(
    type='ICaRL',
    weight=1.0,  # Table 6
    memory_size=50,  # Appendix C.3
    replay_batch_size=8)  # not stated; the buffer of the released code draws 8
