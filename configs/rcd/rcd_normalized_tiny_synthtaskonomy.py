_base_ = ['../_base_/streams/tiny_synthtaskonomy.py', '../_base_/methods/rcd_normalized.py']
