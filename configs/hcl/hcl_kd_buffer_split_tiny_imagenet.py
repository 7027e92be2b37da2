_base_ = ['../_base_/streams/split_tiny_imagenet.py', '../_base_/methods/hcl_kd_buffer.py']
_base_.method.methods[0].weight = 1.0
_base_.method.methods[1].update(memory_size=200, replay_batch_size=32)
stored_images = 200
