_base_ = ['../_base_/synth_taskonomy_tiny.py']
method = dict(type='Vanilla')
