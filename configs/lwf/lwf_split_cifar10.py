_base_ = ['../_base_/streams/split_cifar10.py', '../_base_/methods/lwf.py']
method = dict(weight=3.0)
