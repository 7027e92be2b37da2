_base_ = ['../_base_/streams/split_cifar10.py', '../_base_/methods/rcd_normalized.py']
