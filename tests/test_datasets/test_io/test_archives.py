import tarfile

import pytest

from lhl.datasets.io.archives import UnpackedFiles, ZippedFiles, read_folder, read_tar
from lhl.errors import DataError

from ..image_archives import write_folder, write_tar, write_zip

FILES = {'one': b'1', 'two': b'22', 'deep/three': b'333'}


def test_the_files_of_a_tar_and_of_its_folder_are_the_same(tmp_path):
    write_tar(tmp_path / 'a.tar.gz', 'top', FILES)
    write_folder(tmp_path / 'top', FILES)
    for names in (list(FILES), ['two']):
        expected = {name: FILES[name] for name in names}
        assert read_tar(tmp_path / 'a.tar.gz', 'top', names) == expected
        assert read_folder(tmp_path / 'top', names, 'a.tar.gz') == expected


def test_a_name_that_begins_with_a_dot_and_a_slash_is_the_same_name(tmp_path):
    write_folder(tmp_path / 'top', FILES)
    with tarfile.open(tmp_path / 'a.tar.gz', 'w:gz') as archive:
        archive.add(tmp_path / 'top', './top')
    assert read_tar(tmp_path / 'a.tar.gz', 'top', ['one']) == {'one': b'1'}


def test_a_link_in_a_tar_is_not_followed(tmp_path):
    with tarfile.open(tmp_path / 'a.tar.gz', 'w:gz') as archive:
        member = tarfile.TarInfo('top/one')
        member.type, member.linkname = tarfile.SYMTYPE, '/etc/hostname'
        archive.addfile(member)
    with pytest.raises(DataError, match="lacks top/one, found 'top/one'"):
        read_tar(tmp_path / 'a.tar.gz', 'top', ['one'])


def test_damage_beyond_the_files_that_are_read_is_noticed(tmp_path):
    path = tmp_path / 'a.tar.gz'
    write_tar(path, 'top', FILES)
    content = bytearray(path.read_bytes())
    content[-8] ^= 1  # of the checksum
    path.write_bytes(content)
    with pytest.raises(DataError, match='truncated, damaged or not a .tar.gz .*CRC'):
        read_tar(path, 'top', ['one'])


def test_the_files_of_a_zip_and_of_its_folder_are_the_same(tmp_path):
    write_zip(tmp_path / 'a.zip', FILES, 'top')
    zipped = ZippedFiles(tmp_path / 'a.zip', 'top')
    unpacked = UnpackedFiles(write_folder(tmp_path / 'top', FILES))
    assert zipped.names() == unpacked.names() == sorted(FILES)
    assert all(files.read(name) == content for files in (zipped, unpacked) for name, content in FILES.items())
    assert zipped.location('one') == tmp_path / 'a.zip' / 'top' / 'one'
    for files in (zipped, unpacked):
        with pytest.raises(ValueError, match='found no .*file'):
            files.read('four')


def test_what_is_encrypted_or_unpacks_to_a_gigabyte_is_refused(tmp_path):
    write_zip(tmp_path / 'a.zip', {'one': b'1'}, 'top')
    content = (tmp_path / 'a.zip').read_bytes()
    place = content.rindex(b'PK\x01\x02', 0, content.rindex(b'top/one'))  # what the directory says of the file
    for name, offset, value in (('encrypted', 8, b'\x01\x00'), ('bomb', 24, b'\x01\x00\x00\x40')):
        (tmp_path / f'{name}.zip').write_bytes(content[:place + offset] + value + content[place + offset + len(value):])
        with pytest.raises(ValueError, match='found a damaged file in the archive'):
            ZippedFiles(tmp_path / f'{name}.zip', 'top').read('one')
    with tarfile.open(tmp_path / 'a.tar.gz', 'w:gz') as archive:
        member = tarfile.TarInfo('top/one')
        member.size = 2**30 + 1
        archive.fileobj.write(member.tobuf())
    with pytest.raises(DataError, match='one has 1073741825 bytes'):
        read_tar(tmp_path / 'a.tar.gz', 'top', ['one'])
