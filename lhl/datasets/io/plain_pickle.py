"""Reads a pickle of Python 2 that holds plain values and arrays of bytes, and refuses all others: no code is run."""
import io
import pickle
from typing import Any

import numpy as np


def load_plain_pickle(content: bytes) -> Any:
    """Read numbers, bytes, lists, dictionaries, and numpy's arrays of bytes, which become :class:`PickledArray`.

    A pickle is a program, which may call whatever Python can import. The only names that these may use are the three
    that an array is made with, and what stands behind them here is no code of numpy's but a record of its parts.

    Args:
        content: The file. Strings of Python 2 become bytes.

    Raises:
        ValueError: With the clause "found ..., expected ...", if anything else is in it, or it is damaged.
    """
    try:
        return _PlainUnpickler(io.BytesIO(content), encoding='bytes').load()
    except _RefusedPickleError:
        raise
    except Exception as error:  # what a damaged pickle raises depends on where it ends
        raise ValueError(f'found a file that is truncated, damaged or not a pickle ({type(error).__name__}: {error}), '
                         f'expected the pickle of the archive; download the archive again') from error


class _RefusedPickleError(ValueError):
    """Something else than plain values is in the file."""


class PickledArray:
    """The parts of an array of bytes."""

    def __init__(self, *arguments: Any) -> None:
        self.state: Any = None  # the arguments are a type and the shape before there is data: nothing of the result

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def decode(self) -> np.ndarray:
        """Return the array, uint8.

        Raises:
            ValueError: If the parts do not fit together.
        """
        try:
            _, shape, dtype, is_fortran, data = self.state
            flat = np.frombuffer(data if isinstance(data, bytes) else b'', np.uint8)
            array = flat.reshape([int(side) for side in shape], order='F' if is_fortran else 'C')
            if dtype.name not in (b'u1', 'u1') or not isinstance(data, bytes):
                raise ValueError('another type')
        except (TypeError, ValueError, AttributeError) as error:
            raise ValueError(f'found an array whose parts do not make one of bytes ({error}), expected one; '
                             f'download the archive again') from error
        return array


class _PickledType:
    """The name of an array's type."""

    def __init__(self, name: Any = None, *arguments: Any) -> None:
        self.name = name

    def __setstate__(self, state: Any) -> None:
        """Byte order and fields, of which bytes have none."""


class _PlainUnpickler(pickle.Unpickler):
    _KNOWN = {('numpy.core.multiarray', '_reconstruct'): PickledArray, ('numpy', 'dtype'): _PickledType,
              ('numpy', 'ndarray'): 'ndarray'}

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name, instead of importing it."""
        if (module, name) not in self._KNOWN:
            raise _RefusedPickleError(
                f'found a pickle that would run {module}.{name}, expected numbers, bytes and arrays alone; do not '
                f'trust this file, download the archive from the page of the data set')
        return self._KNOWN[module, name]
