_base_ = ['../_base_/synth_rooms_tiny.py']
method = dict(type='LwF', weight=1.0)
