# New rooms and one new task, as folders of one's own, for tools/extend.py. Written by
#     python tools/dataset_converters/synth_rooms.py data/synth_rooms_reshading \
#         --layout taskonomy --train 500 --val 100 --size 72 96 --seed 7 --all-valid
_base_ = ['./folder.py']
data_root = 'data/synth_rooms_reshading'
tasks = dict(_delete_=True, reshading=dict(type='ReshadingEstimation'))
phases = [dict(task='reshading')]
_rooms = dict(
    data_root=data_root,
    images=dict(_delete_=True, folder='rgb', name='{}_domain_rgb'),
    targets=dict(
        _delete_=True, reshading=dict(folder='reshading', name='{}_domain_reshading', scale=1 / 255, channels=[0])))
train_dataloader = dict(num_workers=1, pin_memory=False, dataset=dict(
    **_rooms, pipeline=[dict(type='RandomHorizontalFlip', probability=0.5), dict(type='PackSample')]))
val_dataloader = dict(batch_size=20, num_workers=1, dataset=dict(**_rooms, pipeline=[dict(type='PackSample')]))
