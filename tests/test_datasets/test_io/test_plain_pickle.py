import pickle

import numpy as np
import pytest

from lhl.datasets.io.plain_pickle import load_plain_pickle

from ..image_archives import python2_pickle


def test_strings_of_python_2_become_bytes_and_numbers_stay():
    value = {b'labels': [0, 255, -1, 70000, 2**40], b'name': b'a \xff', b'nested': {b'empty': [], b'half': 0.5}}
    assert load_plain_pickle(python2_pickle(value)) == value


@pytest.mark.parametrize('order', ['C', 'F'])
def test_an_array_of_bytes_has_its_shape_and_order(order):
    array = np.asarray(np.random.default_rng(0).integers(0, 256, (5, 7), np.uint8), order=order)
    content = python2_pickle({b'data': array})
    assert b'numpy.core.multiarray\n_reconstruct' in content  # as the numpy of Python 2 wrote it
    np.testing.assert_array_equal(load_plain_pickle(content)[b'data'].decode(), array)


class Call:
    """Pickled as a call."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('call, name', [
    ((print, ('it ran', )), '__builtin__.print'), ((exec, ('1/0', )), '__builtin__.exec'),
    ((np.load, ('x', )), 'numpy.load'), ((getattr, (b'', 'decode')), '__builtin__.getattr')])
@pytest.mark.parametrize('write', [python2_pickle, pickle.dumps])
def test_a_call_is_refused_by_its_name_and_nothing_runs(capsys, call, name, write):
    name = name if write is python2_pickle else name.replace('__builtin__', 'builtins')
    with pytest.raises(ValueError, match=f'found a pickle that would run {name}, expected numbers, bytes and arrays'):
        load_plain_pickle(write({b'labels': Call(*call)}))
    assert capsys.readouterr().out == ''


def test_the_system_is_not_reached_by_any_opcode():
    """The oldest ways to call: INST, and OBJ with a class from the stream."""
    for content in (b"(S'true'\nios\nsystem\n.", b"(cos\nsystem\nS'true'\no.", b"cos\nsystem\n(S'true'\ntR."):
        with pytest.raises(ValueError, match=r'would run os\.system'):
            load_plain_pickle(content)


@pytest.mark.parametrize('content', [
    b'', b'not a pickle', python2_pickle({b'data': b'1234'})[:-6],
    b'\x80\x02X\x02\x00\x00\x00\xff\xff.',  # text that is no UTF-8
    b'\x80\x02cnumpy\ndtype\n)\x81(Nb.',  # a state that is set where nothing takes one
    b'\x80\x02cnumpy\nndarray\nK\x01b.'])
def test_a_damaged_pickle_is_refused(content):
    with pytest.raises(ValueError, match='found a file that is truncated, damaged or not a pickle .*download'):
        load_plain_pickle(content)


@pytest.mark.parametrize('array', [
    np.zeros((2, 3), np.float32), np.zeros(3, np.int8), np.zeros((2, 2), '>u2'), np.zeros(2, bool)])
def test_an_array_of_another_type_is_refused(array):
    loaded = load_plain_pickle(python2_pickle([array]))[0]
    with pytest.raises(ValueError, match='found an array whose parts do not make one of bytes'):
        loaded.decode()


def test_an_array_whose_bytes_do_not_fill_its_shape_is_refused():
    content = python2_pickle(np.zeros((4, 4), np.uint8))
    shorter = content.replace(b'T\x10\x00\x00\x00' + bytes(16), b'T\x0f\x00\x00\x00' + bytes(15))
    assert len(shorter) == len(content) - 1
    with pytest.raises(ValueError, match=r'cannot reshape array of size 15 into shape \(4,4\)'):
        load_plain_pickle(shorter).decode()
