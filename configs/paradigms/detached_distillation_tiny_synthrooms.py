_base_ = ['../_base_/synth_rooms_tiny.py']
method = dict(type='DetachedDistillation', alpha=1.0)
