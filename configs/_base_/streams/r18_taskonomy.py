# Taskonomy with ResNet-18: ten tasks (HAD, Sec. 5.1 and Appendix C.4).
_base_ = [
    '../models/resnet18_aspp.py', '../datasets/taskonomy.py', '../schedules/adam_taskonomy.py', '../default_runtime.py'
]
