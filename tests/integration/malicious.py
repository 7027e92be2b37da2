"""Files that try to run code when they are read, to reach files outside their run, or to fill the memory."""
import ast
import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import torch
from test_engine.tiny_stream import FOLDERS

from lhl.engine import read_checkpoint, write_checkpoint


class Call:
    """Pickles to a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def through_getattr(code):
    """Opcodes that reach ``exec`` from the names that mmengine calls safe, ``getattr`` and its HistoryBuffer."""
    def text(value):
        return b'X' + len(value.encode()).to_bytes(4, 'little') + value.encode()
    get = b'cbuiltins\ngetattr\n'
    builtins = get + get + text('__self__') + b'\x86R'  # getattr(getattr, '__self__')
    execute = get + builtins + text('exec') + b'\x86R'
    thing = b'cmmengine.logging.history_buffer\nHistoryBuffer\n)\x81'
    return (b'\x80\x02}' + text('state_dict') + thing + b'}' + text('__setstate__') + execute + b's' + b'b'
            + text(code) + b'b' + b's.')


def write_archive(path, content, compress=False):
    """Write what torch takes for a checkpoint around a pickle."""
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED) as archive:
        archive.writestr('archive/data.pkl', content)
        archive.writestr('archive/version', b'3\n')
        if compress:
            archive.writestr('archive/data/0', bytes(64 * 2**20))


# ---- weights -------------------------------------------------------------------------------------------------------

def touch(canary):
    return Call(Path.touch, canary)


#: Each writes a file in the place of weights. All that make the canary do so when they are unpickled carelessly.
PICKLES = dict(
    archive=lambda path, canary: torch.save(dict(state_dict={}, extra=touch(canary)), path),
    legacy=lambda path, canary: torch.save(dict(state_dict={}, extra=touch(canary)), path,
                                           _use_new_zipfile_serialization=False),
    bare_pickle=lambda path, canary: path.write_bytes(pickle.dumps(touch(canary), protocol=2)),
    system=lambda path, canary: torch.save(dict(state_dict=Call(os.system, f'touch {canary}')), path),
    evaluated=lambda path, canary: torch.save(dict(state_dict={}, method=Call(
        eval, f"open({str(canary)!r}, 'w')")), path),
    through_getattr=lambda path, canary: write_archive(path, through_getattr(f"open({str(canary)!r}, 'w')")),
    imported_module=lambda path, canary: write_archive(
        path, b'\x80\x02}X\x01\x00\x00\x00acmodule_with_canary\nThing\ns.'),
)


def fifo(path, canary):
    os.mkfifo(path)


def repeated_list(path, canary):
    value = []
    for _ in range(60):
        value = [value, value]
    torch.save(dict(state_dict={}, method=value), path)


#: Each puts something in the place of weights that would be waited for, or fill the memory.
OBSTACLES = dict(
    fifo=fifo,
    folder=lambda path, canary: path.mkdir(),
    device=lambda path, canary: path.symlink_to('/dev/zero'),
    bomb=lambda path, canary: write_archive(path, pickle.dumps({}, protocol=2), compress=True),
    repeated_list=repeated_list,
    expanded_tensor=lambda path, canary: torch.save(dict(state_dict=dict(a=torch.zeros(1).expand(2**40))), path),
    nothing=lambda path, canary: path.write_bytes(b''),
)


def replace_weights(write):
    """Put a file in the place of the last phase's weights, under the name that an earlier lhl gave them, too."""
    def attack(run, canary):
        edit_results(run, lambda results: results['phases'][-1].update(checkpoint=f'{FOLDERS[-1]}/phase.pth'))
        for name in ('phase.safetensors', 'phase.pth'):
            (run / FOLDERS[-1] / name).unlink(missing_ok=True)
            write(run / FOLDERS[-1] / name, canary)
    return attack


# ---- configs -------------------------------------------------------------------------------------------------------

def edit_results(run, change):
    path = run / 'results.json'
    results = json.loads(path.read_text())
    results.pop('sha256', None)  # whoever changes a file can also leave out its digest
    change(results)
    path.write_text(json.dumps(results))


def edit_configs(change):
    """Change the configs in all places that a run keeps them in, with digests as they should be."""
    def attack(run, canary):
        for folder in FOLDERS:
            path = run / folder / 'phase.safetensors'
            checkpoint = read_checkpoint(path)
            description = checkpoint['lhl']
            model, config = json.loads(description['model']), json.loads(description['config'])
            change(config, canary)
            change(dict(config, model=model, tasks=model['tasks']), canary)
            description.update(model=json.dumps(model), config=json.dumps(config))
            write_checkpoint(checkpoint, path)
        path = run / 'config.py'
        config = {statement.targets[0].id: ast.literal_eval(statement.value)
                  for statement in ast.parse(path.read_text()).body}
        change(config, canary)
        path.write_text(''.join(f'{key} = {value!r}\n' for key, value in config.items()))
    return attack


def system(canary):
    return dict(type='os.system', command=f'touch {canary}')


def in_every_phase(config, **options):
    for phase in config['phases']:
        phase.update(options)


CONFIGS = dict(
    backbone=lambda config, canary: config['model'].update(backbone=system(canary)),
    model=lambda config, canary: config['model'].update(type='os.system', command=f'touch {canary}'),
    head=lambda config, canary: config['model'].update(head=system(canary)),
    norm=lambda config, canary: config['model']['backbone'].update(norm_cfg=dict(type='module_with_canary.Thing')),
    named_layer=lambda config, canary: config['model']['backbone'].update(conv_type='module_with_canary.Thing'),
    preprocessor=lambda config, canary: config['model'].update(data_preprocessor=system(canary)),
    scope=lambda config, canary: config['model']['backbone'].update(_scope_='module_with_canary'),
    scoped_name=lambda config, canary: config['model']['backbone'].update(type='module_with_canary.ResNet'),
    task=lambda config, canary: config['tasks'].update(segmentation=system(canary)),
    metric=lambda config, canary: config['tasks']['segmentation'].update(metrics=[system(canary)]),
    method=lambda config, canary: config.update(method=system(canary)),
    method_of_a_phase=lambda config, canary: in_every_phase(config, method=system(canary)),
    dataset=lambda config, canary: config['val_dataloader'].update(dataset=system(canary)),
    transform=lambda config, canary: config['val_dataloader']['dataset'].update(pipeline=[system(canary)]),
    collate=lambda config, canary: config['val_dataloader'].update(collate_fn=system(canary)),
    loader_of_a_phase=lambda config, canary: in_every_phase(config, val_dataloader=dict(dataset=system(canary))),
    hook=lambda config, canary: config.update(custom_hooks=[system(canary)]),
    imports=lambda config, canary: config.update(custom_imports=dict(imports=['module_with_canary'])),
    # Registered, but not of the kind that is expected: this one deletes the folder that it is given.
    other_kind=lambda config, canary: config['tasks']['segmentation'].update(metrics=[dict(
        type='CityscapesMetric', output_dir=str(canary), keep_results=True)]),
    other_registry=lambda config, canary: config['tasks'].update(segmentation=dict(type='ResNet', depth=18)),
    task_outside=lambda config, canary: config.update(
        tasks={**config['tasks'], '../../canary': config['tasks']['segmentation']}),
    no_config=lambda config, canary: config.update(phases='segmentation'),
)


def code_in_config_file(run, canary):
    (run / 'config.py').write_text(f"open({str(canary)!r}, 'w').close()\n" + (run / 'config.py').read_text())


def code_in_a_value(run, canary):
    path = run / 'config.py'
    path.write_text(path.read_text() + f"custom_imports = {{'imports': [open({str(canary)!r}, 'w').name]}}\n")


def base_of_config_file(run, canary):
    (run / 'base.py').write_text(f"open({str(canary)!r}, 'w').close()\n")
    path = run / 'config.py'
    path.write_text("_base_ = ['base.py']\n" + path.read_text())


def config_of_a_fifo(run, canary):
    (run / 'config.py').unlink()
    os.mkfifo(run / 'config.py')


def results_of_a_fifo(run, canary):
    (run / 'results.json').unlink()
    os.mkfifo(run / 'results.json')


def huge_results(run, canary):
    with open(run / 'results.json', 'r+b') as file:
        file.truncate(2**40)


def checkpoint_at(place):
    """Name another file as the last phase's checkpoint: a copy of the true one, outside of the run."""
    def attack(run, canary):
        outside = run.parent / 'outside.safetensors'
        shutil.copy(run / FOLDERS[-1] / 'phase.safetensors', outside)
        edit_results(run, lambda results: results['phases'][-1].update(checkpoint=place.format(outside=outside)))
    return attack


def linked_checkpoint(run, canary):
    path = run / FOLDERS[-1] / 'phase.safetensors'
    shutil.move(path, run.parent / 'outside.safetensors')
    path.symlink_to(run.parent / 'outside.safetensors')


def printed_name(run, canary):
    edit_results(run, lambda results: results.update(method='\x1b]0;owned\x07HAD'))


#: Attacks on the folder of a run that every way in refuses, if it looks at what was changed.
RUNS = dict(
    **{f'weights_{name}': replace_weights(write) for name, write in {**PICKLES, **OBSTACLES}.items()},
    **{f'config_{name}': edit_configs(change) for name, change in CONFIGS.items()},
    code_in_config_file=code_in_config_file, code_in_a_value=code_in_a_value, base_of_config_file=base_of_config_file,
    config_of_a_fifo=config_of_a_fifo, results_of_a_fifo=results_of_a_fifo, huge_results=huge_results,
    checkpoint_above=checkpoint_at('../outside.safetensors'), checkpoint_elsewhere=checkpoint_at('{outside}'),
    linked_checkpoint=linked_checkpoint, printed_name=printed_name,
)
