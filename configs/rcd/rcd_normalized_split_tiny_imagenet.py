_base_ = ['../_base_/streams/split_tiny_imagenet.py', '../_base_/methods/rcd_normalized.py']
