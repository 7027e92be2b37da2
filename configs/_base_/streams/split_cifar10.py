# Split CIFAR-10 as HCL learns it: another architecture for each of the five tasks, from random weights.
_base_ = [
    '../models/cifar_lenet_linear.py', '../datasets/split_cifar10.py', '../schedules/sgd_hcl.py',
    '../default_runtime.py'
]
tasks = {name: dict(label_smoothing=0.1) for name in _base_.tasks}
architectures = ['CIFARLeNet', 'CIFARResNet', 'CIFARDenseNet', 'CIFARSENet', 'CIFARRegNet']
phases = [dict(task=name, backbone=dict(type=kind)) for name, kind in zip(_base_.tasks, architectures, strict=True)]
