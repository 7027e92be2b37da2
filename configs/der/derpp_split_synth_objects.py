_base_ = ['../_base_/split_synth_objects_growing.py']
# The strengths are those of DER++ for this many images (Buzzega et al., NeurIPS 2020), whose backbone does not change.
method = dict(type='DERpp', weight=0.1, label_weight=0.5, memory_size=50, replay_batch_size=16)
