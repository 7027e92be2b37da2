"""Small archives in the layouts and encodings in which CIFAR and Tiny ImageNet are published."""
import io
import pickle
import struct
import tarfile
import zipfile

import cv2
import numpy as np

#: Each format of a CIFAR data set by its archive, its folder and whether it holds pickles.
CIFAR_VERSIONS = dict(
    CIFAR10=(('cifar-10-binary.tar.gz', 'cifar-10-batches-bin'), ('cifar-10-python.tar.gz', 'cifar-10-batches-py')),
    CIFAR100=(('cifar-100-binary.tar.gz', 'cifar-100-binary'), ('cifar-100-python.tar.gz', 'cifar-100-python')))
PER_FILE = dict(CIFAR10=dict(train=20, val=20), CIFAR100=dict(train=200, val=100))


class _Python2Pickler(pickle._Pickler):
    """Writes bytes and text as Python 2 wrote its strings."""

    dispatch = dict(pickle._Pickler.dispatch)

    def _save_string(self, value):
        content = value.encode('ascii') if isinstance(value, str) else value
        self.write(pickle.BINSTRING + struct.pack('<i', len(content)) + content)
        self.memoize(value)

    dispatch[bytes] = dispatch[str] = _save_string


def python2_pickle(value):
    """Pickle as Python 2 with the numpy of its time did."""
    file = io.BytesIO()
    _Python2Pickler(file, protocol=2).dump(value)
    return file.getvalue().replace(b'cnumpy._core.multiarray\n', b'cnumpy.core.multiarray\n')


def cifar_content(name):
    """Random images ``(N, 3, 32, 32)`` and labels of each split; each class is equally frequent in each file."""
    generator, num_classes = np.random.default_rng(0), int(name.removeprefix('CIFAR'))
    content = {}
    for split, files in dict(train=5 if name == 'CIFAR10' else 1, val=1).items():
        count = PER_FILE[name][split]
        labels = np.concatenate([generator.permutation(count) % num_classes for _ in range(files)])
        content[split] = generator.integers(0, 256, (len(labels), 3, 32, 32), np.uint8), labels
    return content


def cifar_files(name, pickled):
    """The files of one version, by their names."""
    files = {}
    for split, (images, labels) in cifar_content(name).items():
        count = PER_FILE[name][split]
        for number, start in enumerate(range(0, len(labels), count), 1):
            planes, classes = images[start:start + count].reshape(count, 3072), labels[start:start + count]
            if name == 'CIFAR10':
                stem = f'data_batch_{number}' if split == 'train' else 'test_batch'
                batch, heads = {b'labels': classes.tolist(), b'batch_label': b'a batch'}, classes[:, None]
            else:
                stem = 'train' if split == 'train' else 'test'
                coarse = classes * 7 % 20
                batch = {b'fine_labels': classes.tolist(), b'coarse_labels': coarse.tolist()}
                heads = np.stack([coarse, classes], axis=1)
            if pickled:
                files[stem] = python2_pickle({**batch, b'data': planes, b'filenames': [b'one.png'] * count})
            else:
                files[f'{stem}.bin'] = np.concatenate([heads.astype(np.uint8), planes], axis=1).tobytes()
    return files


def write_tar(path, folder, files):
    """Write a .tar.gz with a folder of files."""
    with tarfile.open(path, 'w:gz') as archive:
        archive.addfile(_folder(folder))
        for name, content in files.items():
            member = tarfile.TarInfo(f'{folder}/{name}')
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def _folder(name):
    member = tarfile.TarInfo(name)
    member.type = tarfile.DIRTYPE
    return member


def write_folder(root, files):
    """Write files into a folder."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


# ---- Tiny ImageNet -----------------------------------------------------------------------------------------------

WNIDS = ('n03', 'n01', 'n02')  # not sorted, as in the published list
NAMES = ('goldfish', 'fire salamander', 'bullfrog')
PER_CLASS = dict(train=4, val=2)


def tiny_imagenet_files():
    """A miniature of the data set; the red of an image grows with its class, and the first of each class is grey."""
    lines = []
    files = {
        'wnids.txt': '\n'.join(WNIDS).encode(),
        'words.txt': b'n99\tof no class here\n' + b''.join(
            f'{wnid}\t{name}, another name\n'.encode() for wnid, name in zip(WNIDS, NAMES, strict=True)),
        'test/images/test_0.JPEG': jpeg(0, 0)}
    for label, wnid in enumerate(WNIDS):
        files[f'train/{wnid}/{wnid}_boxes.txt'] = b'boxes'
        for number in range(PER_CLASS['train']):
            files[f'train/{wnid}/images/{wnid}_{number}.JPEG'] = jpeg(label, number)
    for number in range(PER_CLASS['val'] * len(WNIDS)):
        files[f'val/images/val_{number}.JPEG'] = jpeg(number % len(WNIDS), 1 + number)
        lines.append(f'val_{number}.JPEG\t{WNIDS[number % len(WNIDS)]}\t0\t32\t44\t62\n')
    files['val/val_annotations.txt'] = ''.join(lines).encode()
    return files


def jpeg(label, number):
    """A JPEG of 64 x 64 whose red is 60 for each class and whose green is 10 for each number; number 0 is grey."""
    picture = np.full((64, 64), 60 * label, np.uint8) if number == 0 else np.full(
        (64, 64, 3), (0, 10 * number, 60 * label), np.uint8)
    return cv2.imencode('.jpg', picture)[1].tobytes()


def write_zip(path, files, folder='tiny-imagenet-200'):
    """Write a .zip with a folder of files."""
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f'{folder}/', b'')
        for name, content in files.items():
            archive.writestr(f'{folder}/{name}', content)
