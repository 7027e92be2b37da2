# KDAM, Sec. 4.3: 400 epochs for teachers and students. It states no optimizer, no learning rate and no batch size;
# Adam at 1e-4 is HAD's.
_base_ = ['./adam_nyuv2.py']
train_cfg = dict(max_epochs=400)
