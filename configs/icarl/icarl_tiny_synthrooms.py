_base_ = ['../_base_/synth_rooms_tiny.py']
method = dict(type='ICaRL', weight=1.0, memory_size=50)
