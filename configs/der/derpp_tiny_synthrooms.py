_base_ = ['../_base_/synth_rooms_tiny.py']
method = dict(type='DERpp', weight=0.5, label_weight=0.5, memory_size=50)
