_base_ = ['../_base_/streams/r18_taskonomy.py', '../_base_/methods/rcd_normalized.py']
