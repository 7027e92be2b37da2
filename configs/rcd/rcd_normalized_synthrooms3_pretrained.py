_base_ = ['../_base_/streams/synthrooms3_pretrained.py', '../_base_/methods/rcd_normalized.py']
