_base_ = ['../_base_/streams/tiny_synthrooms.py', '../_base_/methods/rcd_normalized.py']
