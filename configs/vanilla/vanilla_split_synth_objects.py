_base_ = ['../_base_/split_synth_objects_growing.py']
method = dict(type='Vanilla')
