_base_ = ['../_base_/streams/split_digits.py', '../_base_/methods/hcl_kd_buffer.py']
_base_.method.methods[0].weight = 1.0
_base_.method.methods[1].update(memory_size=50, replay_batch_size=16, smooth_labels=True)  # as HCL's code smooths
