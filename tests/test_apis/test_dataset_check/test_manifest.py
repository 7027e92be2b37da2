"""Manifests: digests from FIPS 180-2 and `sha256sum`, and copies that differ in every way."""
import hashlib
import json
import os
import re

import pytest
from test_datasets.image_tasks import split_tasks

from lhl.apis import check_dataset
from lhl.apis.dataset_check.manifest import (
    FileDigest,
    compare_with_manifest,
    digest_files,
    read_manifest,
    save_manifest,
)
from lhl.errors import DataError

from .rooms_on_disk import TARGETS, TASKS, config, objects_config

#: Of "abc", printed in FIPS 180-2, appendix B.1; of nothing; and of a million times "a", appendix B.3.
ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
MILLION = 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'
CONTENT = {'train/0.npy': (b'abc', ABC), 'train/1.npy': (b'', EMPTY), 'val/ü "0".npy': (b'a' * 10**6, MILLION)}


@pytest.fixture
def folder(tmp_path):
    """A folder of three files whose digests are known, and their paths."""
    for name, (content, _) in CONTENT.items():
        path = tmp_path / 'data' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / 'data'


@pytest.fixture
def manifest(folder, tmp_path):
    digests, unusable = digest_files([folder / name for name in CONTENT], 2, lambda size: None)
    assert unusable == []
    save_manifest(tmp_path / 'manifest.json', folder, digests)
    return tmp_path / 'manifest.json'


def compare(manifest, folder, read=None):
    problems = compare_with_manifest(manifest, read_manifest(manifest), folder,
                                     [folder / name for name in read or CONTENT], 1, lambda size: None)
    return {(problem.kind, re.match("'(.*?)'", problem.sentence)[1]) for problem in problems}


def test_a_manifest_has_the_published_digests_and_is_the_same_each_time(manifest, folder, tmp_path):
    assert read_manifest(manifest) == {name: FileDigest(len(content), digest)
                                       for name, (content, digest) in CONTENT.items()}
    assert json.loads(manifest.read_text())['files'][0] == dict(path='train/0.npy', size=3, sha256=ABC)
    pieces = []
    digests, _ = digest_files([folder / name for name in reversed(CONTENT)], 1, pieces.append)
    assert sum(pieces) == 3 + 0 + 10**6
    save_manifest(tmp_path / 'again.json', folder, digests)
    assert (tmp_path / 'again.json').read_bytes() == manifest.read_bytes()


def test_an_equal_copy_elsewhere_has_no_problem(manifest, folder):
    assert compare(manifest, folder.rename(folder.with_name('moved'))) == set()


def test_missing_truncated_changed_and_added_files_are_told_apart(manifest, folder):
    (folder / 'train/1.npy').unlink()
    (folder / 'train/0.npy').write_bytes(b'abd')
    (folder / 'val/ü "0".npy').write_bytes(b'a' * (10**6 - 1))
    (folder / 'val/1.npy').write_bytes(b'new')
    assert compare(manifest, folder, [*CONTENT, 'val/1.npy']) == {
        ('missing file', 'train/1.npy'), ('changed file', 'train/0.npy'), ('truncated file', 'val/ü "0".npy'),
        ('added file', 'val/1.npy')}
    (folder / 'val/ü "0".npy').write_bytes(b'a' * (10**6 + 1))
    assert ('changed file', 'val/ü "0".npy') in compare(manifest, folder)


@pytest.mark.parametrize('kind', ['fifo', 'folder'])
def test_what_is_no_file_is_named_and_not_waited_for(manifest, folder, kind):
    (folder / 'train/0.npy').unlink()
    os.mkfifo(folder / 'train/0.npy') if kind == 'fifo' else (folder / 'train/0.npy').mkdir()
    problem, = compare_with_manifest(manifest, read_manifest(manifest), folder, [], 1, lambda size: None)
    assert problem.kind == 'unusable file' and 'expected a regular file' in problem.sentence
    found, unusable = digest_files([folder / 'train/0.npy'], 1, lambda size: None)
    assert found == {} and unusable == [problem.sentence]


def test_the_manifest_of_other_data_is_refused_in_one_sentence(manifest, tmp_path):
    with pytest.raises(DataError, match=r"none of the 3 files of .* is in '.*other', such as 'train/0.npy'; it is of "
                                        'another data set, or data_root is another folder'):
        compare(manifest, tmp_path / 'other')


def test_a_file_outside_of_the_root_is_refused(folder, tmp_path):
    with pytest.raises(DataError, match=r"a.npy' lies outside '.*data', which the paths of a manifest are relative to"):
        save_manifest(tmp_path / 'm.json', folder, {tmp_path / 'a.npy': FileDigest(3, ABC)})


GOOD = dict(path='a.npy', size=3, sha256=ABC)


@pytest.mark.parametrize('files, message', [
    ([dict(GOOD, path='../a.npy')], "entry 1 names '../a.npy', expected a path below the data root"),
    ([GOOD, dict(GOOD, path='/etc/passwd')], "entry 2 names '/etc/passwd', expected a path below"),
    ([dict(GOOD, path='b/../../a')], 'expected a path below'),
    ([dict(GOOD, path='./a')], 'expected a path below'),
    ([dict(GOOD, path='')], 'expected a path below'),
    ([dict(GOOD, path='a\0')], 'expected a path below'),
    ([GOOD, GOOD], "entry 2 names 'a.npy' a second time"),
    ([dict(GOOD, size=-1)], 'entry 1 is .*expected a path, a size in bytes and a sha256'),
    ([dict(GOOD, size=True)], 'expected a path, a size'),
    ([dict(GOOD, size=3.0)], 'expected a path, a size'),
    ([dict(GOOD, sha256=ABC.upper())], 'lower-case hexadecimal'),
    ([dict(GOOD, sha256=ABC[:-1])], 'expected a path, a size'),
    ([dict(GOOD, more=1)], 'expected a path, a size'),
    ([['a.npy', 3, ABC]], 'expected a path, a size'),
    ([], 'a list of at least one file'), ({}, 'a list of at least one file'), (None, 'a list of at least one file')])
def test_a_manifest_that_holds_something_else_is_refused_with_the_place(tmp_path, files, message):
    path = tmp_path / 'm.json'
    path.write_text(json.dumps(dict(format='lhl manifest 1', files=files)))
    with pytest.raises(DataError, match=message) as raised:
        read_manifest(path)
    assert '\n' not in str(raised.value) and str(path) in str(raised.value)


@pytest.mark.parametrize('content', [b'', b'{"format": ', b'[]', b'{}', b'\xff\xfe', b'[' * 10**5, b'"lhl manifest 1"',
                                     b'{"format": "lhl manifest 2", "files": []}', f'{ABC}  a.npy\n'.encode()])
def test_a_file_that_is_no_manifest_is_refused(tmp_path, content):
    (tmp_path / 'm.json').write_bytes(content)
    with pytest.raises(DataError, match=r'm\.json is no manifest: .*write it again with `write_manifest`'):
        read_manifest(tmp_path / 'm.json')


def test_the_check_writes_the_manifest_of_all_that_it_reads_and_compares_with_it(root, tmp_path):
    cfg, path = config(root), tmp_path / 'm.json'
    report = check_dataset(cfg, tmp_path / 'out', 0, write_manifest=path)
    names = {'train.txt', 'val.txt', *(f'{folder}/{number}.png' for folder in ('images', 'label', 'depth', 'normal')
                                       for number in range(6))}
    assert read_manifest(path).keys() == names and report.notes[-1].startswith(f'{path} is the manifest of 26 files, ')
    assert all(digest == FileDigest(len(content), hashlib.sha256(content).hexdigest())
               for name, digest in read_manifest(path).items() for content in [(root / name).read_bytes()])
    assert check_dataset(cfg, tmp_path / 'out', 0, manifest=path).notes[0] == f'all 26 files are as {path} says'
    (root / 'depth/2.png').unlink()  # so that the image has no depth, which is no problem by itself
    report = check_dataset(cfg, tmp_path / 'out', 0, manifest=path)
    assert report.problems == [('missing file', 'm.json', "'depth/2.png' is missing; restore it")]
    assert "- m.json: 'depth/2.png' is missing; restore it" in report.markdown()


def test_a_config_of_fewer_tasks_still_compares_all_files(root, tmp_path):
    check_dataset(config(root), tmp_path / 'out', 0, write_manifest=tmp_path / 'm.json')
    (root / 'normal/0.png').write_bytes(b'')
    fewer = config(root, dict(depth=TARGETS['depth']), dict(depth=TASKS['depth']))
    problem, = check_dataset(fewer, tmp_path / 'out', 0, manifest=tmp_path / 'm.json').problems
    assert (problem.kind, problem.sentence.split(' has')[0]) == ('truncated file', "'normal/0.png'")


def test_no_manifest_describes_damaged_data_or_replaces_another(root, tmp_path):
    content = (root / 'images/0.png').read_bytes()
    (root / 'images/0.png').write_bytes(content[:50])
    report = check_dataset(config(root), tmp_path / 'out', 0, write_manifest=tmp_path / 'm.json')
    assert not (tmp_path / 'm.json').exists() and 'm.json was not written' in report.notes[-1]
    (tmp_path / 'm.json').write_text('{}')
    with pytest.raises(DataError, match=r'm\.json exists; compare with it by `manifest=.*m\.json`, or name another'):
        check_dataset(config(root), tmp_path / 'out', 0, write_manifest=tmp_path / 'm.json')


def test_drawn_objects_have_no_manifest(tmp_path):
    with pytest.raises(DataError, match='read no file'):
        check_dataset(objects_config(split_tasks(10, 2)), tmp_path / 'out', 0, write_manifest=tmp_path / 'm.json')
