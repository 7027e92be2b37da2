_base_ = ['../_base_/streams/split_tiny_imagenet.py', '../_base_/methods/lwf.py']
method = dict(weight=3.0)
