_base_ = ['../_base_/synth_rooms_r18.py']
method = dict(type='DIS', alpha=1.0)
