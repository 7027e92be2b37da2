_base_ = ['../_base_/streams/split_cifar10.py', '../_base_/methods/dis.py']
method = dict(alpha=3.0)
