import dataclasses
import hashlib
import json
import math
import os

import numpy as np
import pytest

from lhl.errors import RunError, WriteError
from lhl.evaluation import PhaseResults, Results

HIGHER_IS_BETTER = {'segmentation': {'mIoU': True, 'PixAcc': True}, 'depth': {'AbsErr': False, 'RelErr': False}}
UNITS = {'segmentation': {'mIoU': '%', 'PixAcc': '%'}, 'depth': {'AbsErr': 'm'}}
METRICS = {'segmentation': {'mIoU': 41.5, 'PixAcc': 67.25}, 'depth': {'AbsErr': 0.5, 'RelErr': 0.2}}


def phase(number, task, weights='a', **metrics):
    return PhaseResults(number, [task], metrics or {task: METRICS[task]}, seconds=12.5, iterations=340,
                        peak_memory_mib=2048, parameters=1000, method_state_mib=1.5, stored_images=50,
                        weights_sha256=weights, checkpoint=f'phase{number}_{task}/phase.safetensors')


def build(*phases):
    results = Results(method='HAD', seed=0, stream=['segmentation', 'depth'], config='configs/had/had.py',
                      config_hash='3f1c', versions={'torch': '2.9.0'}, higher_is_better=HIGHER_IS_BETTER, units=UNITS)
    for added in phases:
        results.add_phase(added)
    return results


def finished():
    return build(phase(1, 'segmentation'), phase(2, 'depth', **METRICS))


# ---- the file ------------------------------------------------------------------------------------------------------

def test_what_is_saved_is_loaded(tmp_path):
    for results in (build(), build(phase(1, 'segmentation')), finished()):
        results.save(tmp_path / 'results.json')
        assert Results.load(tmp_path / 'results.json') == results


def test_the_folder_of_a_run_stands_for_its_file(tmp_path):
    finished().save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['results.json']
    assert Results.load(str(tmp_path)) == Results.load(tmp_path / 'results.json') == finished()


def test_the_file_is_the_documented_version_2(tmp_path):
    build(phase(1, 'segmentation')).save(tmp_path)
    document = json.loads((tmp_path / 'results.json').read_text())
    content = json.dumps({key: value for key, value in document.items() if key not in ('format', 'version', 'sha256')})
    assert document.pop('sha256') == hashlib.sha256(content.encode()).hexdigest()
    assert document == {
        'format': 'lhl-results', 'version': 2, 'method': 'HAD', 'seed': 0, 'stream': ['segmentation', 'depth'],
        'config': 'configs/had/had.py', 'config_hash': '3f1c', 'versions': {'torch': '2.9.0'},
        'higher_is_better': HIGHER_IS_BETTER, 'units': UNITS,
        'phases': [{'phase': 1, 'tasks': ['segmentation'],
                    'metrics': {'segmentation': {'mIoU': 41.5, 'PixAcc': 67.25}}, 'seconds': 12.5,
                    'iterations': 340, 'peak_memory_mib': 2048.0, 'parameters': 1000, 'method_state_mib': 1.5,
                    'stored_images': 50, 'weights_sha256': 'a',
                    'checkpoint': 'phase1_segmentation/phase.safetensors', 'backbone': '',
                    'stopped_early': ''}]}


def test_the_order_of_the_metrics_survives(tmp_path):
    finished().save(tmp_path)
    loaded = Results.load(tmp_path)
    assert list(loaded.higher_is_better) == ['segmentation', 'depth']
    assert list(loaded.metrics_after(2, 'segmentation')) == ['mIoU', 'PixAcc']


def test_a_file_without_units_is_that_of_a_run_that_knows_none(tmp_path):
    finished().save(tmp_path)
    path = tmp_path / 'results.json'
    document = json.loads(path.read_text())
    del document['units'], document['sha256']
    path.write_text(json.dumps(document))
    assert Results.load(path) == dataclasses.replace(finished(), units={})


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_null_in_the_file_and_nan_when_read(tmp_path, value):
    build(phase(1, 'segmentation', segmentation={'mIoU': value, 'PixAcc': 1})).save(tmp_path)
    text = (tmp_path / 'results.json').read_text()
    assert json.loads(text, parse_constant=pytest.fail)['phases'][0]['metrics']['segmentation']['mIoU'] is None
    assert math.isnan(Results.load(tmp_path).metrics_after(1, 'segmentation')['mIoU'])


def test_a_failing_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    build(phase(1, 'segmentation')).save(tmp_path)
    old = (tmp_path / 'results.json').read_bytes()

    def full_disk(descriptor):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full_disk)
    with pytest.raises(WriteError, match='No space left'):
        finished().save(tmp_path)
    assert (tmp_path / 'results.json').read_bytes() == old
    assert [path.name for path in tmp_path.iterdir()] == ['results.json']


def test_the_file_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    moments = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, 'fsync', lambda descriptor: (moments.append('sync'), sync(descriptor)))
    monkeypatch.setattr(os, 'replace', lambda *paths: (moments.append('rename'), replace(*paths)))
    finished().save(tmp_path)
    assert moments == ['sync', 'rename']


def test_a_number_of_numpy_is_written_as_a_number(tmp_path):
    build(phase(1, 'segmentation', segmentation={'mIoU': np.float32(0.5), 'PixAcc': np.int64(3)})).save(tmp_path)
    assert Results.load(tmp_path).metrics_after(1, 'segmentation') == {'mIoU': 0.5, 'PixAcc': 3.0}


# ---- what is refused -----------------------------------------------------------------------------------------------

def damaged(tmp_path, change):
    """Save a finished run, change its JSON, and give the sentence with which it is refused."""
    finished().save(tmp_path)
    path = tmp_path / 'results.json'
    document = json.loads(path.read_text())
    document.pop('sha256')
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(RunError) as refusal:
        Results.load(path)
    message = str(refusal.value)
    assert message.startswith(str(path)) and '\n' not in message
    return message


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(RunError, match=r'results\.json does not exist; give the folder of a run'):
        Results.load(tmp_path)


@pytest.mark.parametrize('keep', [0, 1, 40, -3])
def test_a_truncated_file_is_refused(tmp_path, keep):
    finished().save(tmp_path)
    path = tmp_path / 'results.json'
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RunError, match='is not valid JSON, perhaps a truncated copy'):
        Results.load(path)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / 'results.json').write_bytes(b'\xff\xfe\x00\x80PK')
    with pytest.raises(RunError, match='is not valid JSON'):
        Results.load(tmp_path)


def test_every_changed_number_and_name_is_noticed_and_a_file_of_before_has_no_digest(tmp_path):
    finished().save(tmp_path)
    path = tmp_path / 'results.json'
    text = path.read_text()
    changes = {'41.5': '41.6', '340': '341', '"a"': '"c"', 'mIoU': 'mIoV', 'true': 'false', '3f1c': '3f1d',
               '2.9.0': '2.9.1'}
    for found, other in changes.items():
        assert found in text
        path.write_text(text.replace(found, other, 1))
        with pytest.raises(RunError, match=r'results\.json is damaged: what it holds is not what was written; restore'):
            Results.load(tmp_path)
    document = json.loads(text)
    del document['sha256']
    path.write_text(json.dumps(document))
    assert Results.load(tmp_path) == finished()


@pytest.mark.parametrize('text', ['[]', '3', '{}', '{"format": "coco"}'])
def test_the_json_of_something_else_is_refused(tmp_path, text):
    (tmp_path / 'results.json').write_text(text)
    with pytest.raises(RunError, match='is not a result file of lhl'):
        Results.load(tmp_path)


def test_another_version_is_refused(tmp_path):
    assert 'has version 1, expected 2' in damaged(tmp_path, lambda document: document.update(version=1))


@pytest.mark.parametrize('key', ['method', 'seed', 'stream', 'config', 'config_hash', 'versions', 'higher_is_better',
                                 'phases'])
def test_a_missing_key_is_named(tmp_path, key):
    assert f'it has no {key};' in damaged(tmp_path, lambda document: document.pop(key))


@pytest.mark.parametrize('key', ['phase', 'tasks', 'metrics', 'seconds', 'iterations', 'peak_memory_mib', 'parameters',
                                 'method_state_mib', 'stored_images', 'weights_sha256', 'checkpoint'])
def test_a_missing_key_of_a_phase_is_named(tmp_path, key):
    assert f'its phase 2 has no {key};' in damaged(tmp_path, lambda document: document['phases'][1].pop(key))


@pytest.mark.parametrize('key, value, said', [
    ('stream', 'segmentation', 'a stream of type str, expected list'),
    ('seed', '0', 'a seed of type str, expected int'),
    ('phases', {}, 'a phases of type dict, expected list'),
    ('units', ['m'], 'a units of type list, expected dict'),
    ('units', {'depth': 'm'}, 'its units of depth is of type str, expected dict'),
    ('higher_is_better', {'depth': False}, 'its higher_is_better of depth is of type bool, expected dict'),
])
def test_a_value_of_another_type_is_refused(tmp_path, key, value, said):
    assert said in damaged(tmp_path, lambda document: document.update({key: value}))


@pytest.mark.parametrize('metrics', [{'depth': 3}, {'depth': {'AbsErr': 'good'}}, {'depth': {'AbsErr': [1]}}])
def test_metrics_that_are_no_numbers_are_refused(tmp_path, metrics):
    message = damaged(tmp_path, lambda document: document['phases'][1].update(metrics=metrics))
    assert 'its phase 2 holds something else than numbers' in message


@pytest.mark.parametrize('change, said', [
    (dict(metrics={'depth': {'AbsErr': 10**400}}), 'something else than numbers'),
    (dict(parameters=10**400), 'a parameters that is no number from 0 to'),
    (dict(iterations=-1), 'a iterations that is no number from 0 to'),
    (dict(checkpoint='phase\0'), "holds 'phase\\x00', expected printable characters"),
    (dict(backbone='\x1b[2J'), "holds '\\x1b[2J', expected printable characters"),
    (dict(stopped_early='\ud800'), 'expected printable characters')])
def test_numbers_and_texts_that_nothing_can_be_made_of_are_refused(tmp_path, change, said):
    assert said in damaged(tmp_path, lambda document: document['phases'][1].update(change))


def test_a_number_beyond_all_is_no_number(tmp_path):
    finished().save(tmp_path)
    path = tmp_path / 'results.json'
    document = json.loads(path.read_text())
    del document['sha256']
    document['phases'][1]['seconds'] = math.inf  # which JSON of Python can hold
    path.write_text(json.dumps(document))
    assert math.isnan(Results.load(path).phases[1].seconds)


def test_a_phase_that_is_no_object_is_refused(tmp_path):
    assert 'its phase 2 has no phase, tasks' in damaged(tmp_path, lambda document: document['phases'].__setitem__(1, 7))


def test_phases_that_are_not_the_streams_are_refused(tmp_path):
    assert 'found phase 1 (segmentation), expected phase 1 (depth) of the stream depth, segmentation' in damaged(
        tmp_path, lambda document: document['stream'].reverse())
    assert 'found phase 2 (depth), expected phase 1 (segmentation)' in damaged(
        tmp_path, lambda document: document['phases'].pop(0))
    assert 'there is a phase 2, but the 1 tasks of the stream are learned before' in damaged(
        tmp_path, lambda document: document['stream'].pop())
    assert 'scored by segmentation/PixAcc' in damaged(
        tmp_path, lambda document: document['higher_is_better']['segmentation'].pop('PixAcc'))


@pytest.mark.parametrize('text', ['{"format": "lhl-results", "version": 1}', '{"format": "coco"}', '{"for'])
def test_a_file_that_is_not_ours_is_never_overwritten(tmp_path, text):
    (tmp_path / 'results.json').write_text(text)
    with pytest.raises(RunError):
        finished().save(tmp_path)
    assert (tmp_path / 'results.json').read_text() == text


# ---- the phases ----------------------------------------------------------------------------------------------------

def test_a_run_is_finished_with_the_last_task_of_its_stream():
    assert not build().finished
    assert not build(phase(1, 'segmentation')).finished
    assert finished().finished


def test_a_phase_may_learn_several_tasks_in_the_streams_order():
    def joint(*tasks):
        return dataclasses.replace(phase(1, 'segmentation', **METRICS), tasks=list(tasks))
    assert build(joint('segmentation', 'depth')).finished
    assert build(joint('segmentation', 'depth')).learned_tasks == ['segmentation', 'depth']
    for tasks in ([], ['depth', 'segmentation'], ['segmentation', 'depth', 'normal']):
        with pytest.raises(RunError, match=r'expected phase 1 \(segmentation\) of the stream segmentation, depth'):
            build(joint(*tasks))


def test_a_gap_is_refused():
    with pytest.raises(RunError, match='phase 2 cannot be added to the results of 0 phases; the next one is phase 1'):
        build(phase(2, 'depth'))
    with pytest.raises(RunError, match='phase 0 cannot be added'):
        build(phase(0, 'segmentation'))


def test_a_phase_of_another_task_or_beyond_the_stream_is_refused():
    with pytest.raises(RunError, match=r'found phase 1 \(depth\), expected phase 1 \(segmentation\)'):
        build(phase(1, 'depth'))
    with pytest.raises(RunError, match='there is a phase 3, but the 2 tasks of the stream are learned before'):
        build(phase(1, 'segmentation'), phase(2, 'depth'), phase(3, 'normal', depth={}))


def test_a_refused_phase_changes_nothing():
    results = build(phase(1, 'segmentation'))
    with pytest.raises(RunError, match='scored by depth/rmse, which is not among the metrics of the stream'):
        results.add_phase(phase(2, 'depth', depth={'rmse': 1}))
    assert results == build(phase(1, 'segmentation'))


def test_the_last_phase_is_replaced_by_one_of_the_same_number():
    again = phase(2, 'depth', weights='b', depth={'AbsErr': 0.4, 'RelErr': 0.1})
    results = build(phase(1, 'segmentation'), phase(2, 'depth'), again)
    assert results.phases == [phase(1, 'segmentation'), again]


def test_a_phase_learned_anew_drops_those_that_were_built_on_it():
    results = finished()
    results.add_phase(phase(1, 'segmentation', weights='b'))
    assert [entry.phase for entry in results.phases] == [1] and results.phases[0].weights_sha256 == 'b'


def test_a_phase_scored_anew_keeps_those_that_were_built_on_it():
    results = finished()
    results.add_phase(phase(1, 'segmentation', segmentation={'mIoU': 1, 'PixAcc': 2}))
    assert results.phases[1:] == finished().phases[1:]
    assert results.metrics_after(1, 'segmentation') == {'mIoU': 1, 'PixAcc': 2}


def test_metrics_are_looked_up_by_phase_and_task():
    assert finished().metrics_after(2, 'depth') == {'AbsErr': 0.5, 'RelErr': 0.2}
    with pytest.raises(RunError, match="task 'depth' was not scored after phase 1, only segmentation"):
        finished().metrics_after(1, 'depth')
    for number in (0, 2):
        with pytest.raises(RunError, match=f'no results of phase {number}, only of the first 1'):
            build(phase(1, 'segmentation')).metrics_after(number, 'segmentation')
