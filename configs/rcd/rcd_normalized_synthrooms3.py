_base_ = ['../_base_/streams/synthrooms3.py', '../_base_/methods/rcd_normalized.py']
