_base_ = ['../_base_/streams/split_synth_objects.py', '../_base_/methods/rcd_normalized.py']
