_base_ = ['../_base_/synth_rooms_tiny.py']
method = dict(type='OnlineEWC', penalty=1e3, decay=1.0)
