_base_ = ['../_base_/synth_rooms_tiny.py']
method = dict(type='GPM', threshold=0.9, threshold_step=0.003, num_images=125)
