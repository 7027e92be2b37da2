_base_ = ['../_base_/synth_rooms_growing.py']
method = dict(type='SingleTask')
