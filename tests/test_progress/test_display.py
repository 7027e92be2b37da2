import logging
import os
import re
import sys

import pytest
from mmengine.logging import MMLogger

from lhl.progress.display import LiveDisplay, is_terminal
from lhl.progress.status import Status

STATUS = Status(2, 3, 'depth', 30, 60, 3, 6, {'loss': 2.5, 'loss_new_depth': 1.5, 'loss_old': 1.0},
                {'segmentation/mIoU': 45.1}, 32.8, 12., 80.)


class Terminal:
    """The far end of a pseudo terminal, and what a person would see of what was written there."""

    def __init__(self):
        self.master, slave = os.openpty()
        self.file, self.written = os.fdopen(slave, 'w'), ''

    def lines(self):
        """Follow the carriage returns, line feeds, and the sequences for cursor up and erase that rich writes."""
        self.file.flush()
        os.set_blocking(self.master, False)
        try:
            while True:
                self.written += os.read(self.master, 65536).decode()
        except BlockingIOError:
            pass
        screen, row, column = [''], 0, 0
        for up, erase, character in re.findall(r'\x1b\[(\d*)A|\x1b\[(\d*)K|\x1b\[[?0-9;]*[a-zA-Z]|([^\x1b])',
                                               self.written):
            if up:
                row -= int(up)
            elif erase:
                screen[row] = ''
            elif character == '\r':
                column = 0
            elif character == '\n':
                row, column = row + 1, 0
                screen += [''] * (row == len(screen))
            elif character:
                screen[row] = screen[row][:column].ljust(column) + character + screen[row][column + 1:]
                column += 1
        return [line.rstrip() for line in screen]


@pytest.fixture
def terminal(monkeypatch):
    def open_terminal(columns=80, **environment):
        for name in ('NO_COLOR', 'FORCE_COLOR'):
            monkeypatch.delenv(name, raising=False)
        for name, value in {'TERM': 'xterm', 'COLUMNS': str(columns), **environment}.items():
            monkeypatch.setenv(name, value)
        made = Terminal()
        opened.append(made)
        monkeypatch.setattr(sys, 'stdout', made.file)
        return made
    opened = []
    yield open_terminal
    for made in opened:
        os.close(made.master)


def test_the_display_shows_the_stream_and_is_gone_afterwards(terminal):
    screen = terminal()
    display = LiveDisplay()
    display.start()
    display.update(STATUS, now=True)
    first, bar, *others = [line for line in screen.lines() if line]
    assert first == 'phase 2/3 (depth): epoch 3/6, iteration 30/60, 50%' and bar == f'[{"#" * 29}{"." * 29}]'
    assert others == ['32.8 images/s, left: phase 12 s, stream 1 min 20 s', 'loss 2.5 (new_depth 1.5, old 1)',
                      'last scores: segmentation mIoU 45.1']
    display.stop()
    print('error: one sentence', file=screen.file)
    assert [line for line in screen.lines() if line] == ['error: one sentence']
    assert '\x1b[3' in screen.written  # in colour
    assert screen.written.rindex('\x1b[?25h') > screen.written.rindex('\x1b[?25l')  # the cursor is visible


def test_what_is_printed_and_logged_meanwhile_stands_above(terminal):
    screen = terminal()
    logger = MMLogger.get_instance('of-before')  # it writes to the terminal that it found
    display = LiveDisplay()
    display.start()
    display.update(STATUS, now=True)
    print('printed')
    logger.info('logged')
    display.update(STATUS, now=True)
    lines = [line for line in screen.lines() if line]
    display.stop()
    MMLogger._instance_dict.pop('of-before')
    assert lines[0] == 'printed' and lines[1].endswith('logged')
    assert [line for line in lines if line.startswith('phase')] == [lines[2]]
    assert all(handler.stream is sys.stdout for handler in logger.handlers if type(handler) is logging.StreamHandler)


@pytest.mark.parametrize('columns', [40, 20])
def test_a_narrow_terminal_gets_the_same_words_in_more_lines(terminal, columns):
    screen = terminal(columns)
    display = LiveDisplay()
    display.start()
    for _ in range(3):
        display.update(STATUS, now=True)
    lines = [line for line in screen.lines() if line]
    display.stop()
    assert max(map(len, lines)) <= columns
    words = ' '.join(line for line in lines if not set(line) <= set('[#.]'))
    assert words == ('phase 2/3 (depth): epoch 3/6, iteration 30/60, 50% 32.8 images/s, left: phase 12 s, stream 1 min '
                     '20 s loss 2.5 (new_depth 1.5, old 1) last scores: segmentation mIoU 45.1')
    assert not any(screen.lines())


def test_without_colours_there_are_none(terminal):
    screen = terminal(NO_COLOR='1')
    display = LiveDisplay()
    display.start()
    display.update(STATUS, now=True)
    display.stop()
    screen.lines()
    assert not re.search(r'\x1b\[[0-9;]*[349]\dm', screen.written) and 'phase 2/3' in screen.written


def test_a_terminal_that_is_gone_ends_the_display_and_not_the_training(terminal):
    screen = terminal()
    display = LiveDisplay()
    display.start()
    display.update(STATUS, now=True)
    os.close(screen.master)
    screen.master = os.open(os.devnull, os.O_RDONLY)
    for _ in range(3):
        display.update(STATUS, now=True)
    display.stop()


@pytest.mark.parametrize('term, drawn', [('xterm', True), ('dumb', False), ('', False)])
def test_only_a_terminal_that_can_move_its_cursor_is_drawn_on(terminal, term, drawn):
    terminal(TERM=term)
    assert is_terminal() == drawn


def test_a_pipe_is_no_terminal(monkeypatch, tmp_path):
    monkeypatch.setenv('FORCE_COLOR', '1')
    with open(tmp_path / 'out', 'w') as file:
        monkeypatch.setattr(sys, 'stdout', file)
        assert not is_terminal()
    assert not is_terminal()  # closed
