_base_ = ['../_base_/synth_rooms_tiny.py']
method = dict(type='SGP', scale=100.0, threshold=0.97, threshold_step=0.003, num_images=125)
