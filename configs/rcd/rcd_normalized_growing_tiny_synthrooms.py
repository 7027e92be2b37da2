_base_ = ['../_base_/streams/growing_tiny_synthrooms.py', '../_base_/methods/rcd_normalized.py']
