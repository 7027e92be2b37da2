# The benchmark synthrooms3: r18_synthrooms from the pretext checkpoint, which this writes:
#     python tools/train.py configs/pretext/pretext_synthrooms3.py
_base_ = ['./r18_synthrooms.py']
model = dict(
    backbone=dict(
        init_cfg=dict(
            _delete_=True,
            type='Pretrained',
            checkpoint='work_dirs/pretext_synthrooms3/phase1_colour/phase.safetensors',
            prefix='backbone.')))
