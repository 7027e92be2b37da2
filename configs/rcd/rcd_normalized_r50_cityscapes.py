_base_ = ['../_base_/streams/r50_cityscapes.py', '../_base_/methods/rcd_normalized.py']
