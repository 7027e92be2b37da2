_base_ = ['../_base_/synth_rooms_tiny.py']
method = dict(type='DER', weight=0.5, memory_size=50)
