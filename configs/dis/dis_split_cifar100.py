_base_ = ['../_base_/streams/split_cifar100.py', '../_base_/methods/dis.py']
method = dict(alpha=3.0)
