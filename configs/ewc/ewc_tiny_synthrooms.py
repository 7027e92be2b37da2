_base_ = ['../_base_/synth_rooms_tiny.py']
method = dict(type='EWC', penalty=1e3)
