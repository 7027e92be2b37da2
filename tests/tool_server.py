"""Runs tools in processes that are forked from one which has imported everything: each then starts at once."""
import json
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[1]
_IMPORTED = ('lhl.apis', 'lhl.cli', 'lhl.engine', 'lhl.visualization', 'mmengine.runner', 'mmseg.models',
             'torch._dynamo')  # the last is imported by a first step of training


class ToolServer:
    """A process that forks one for each tool.

    Such a process has its own arguments, folder, environment, search path of modules, output and signal handlers.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.process = None

    def run(self, argv, cwd, environment, stdout, stderr, timeout):
        """Run a tool's file, or ``-m MODULE``, to its end.

        Returns:
            Its exit status, or minus the signal that ended it.

        Raises:
            subprocess.TimeoutExpired: If it takes longer; it is killed.
        """
        with self.lock:
            if self.process is None or self.process.poll() is not None:
                self.process = subprocess.Popen(
                    [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
                    env={**os.environ, 'OMP_NUM_THREADS': '1'})
            request = dict(argv=argv, cwd=str(cwd), environment=environment, stdout=str(stdout), stderr=str(stderr))
            self.process.stdin.write(json.dumps(request) + '\n')
            self.process.stdin.flush()
            number = int(self.process.stdout.readline())
            if not select.select([self.process.stdout], [], [], timeout)[0]:
                os.kill(number, signal.SIGKILL)
                self.process.stdout.readline()
                raise subprocess.TimeoutExpired(argv, timeout)
            return int(self.process.stdout.readline())

    def close(self):
        """End the process."""
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()
            self.process.stdout.close()


def _serve():
    import importlib
    for name in _IMPORTED:
        importlib.import_module(name)
    standard = list(sys.path[1:])  # without this file's folder
    while line := sys.stdin.readline():
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(request, standard)
            return
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(request, standard):
    """Run the tool in this process as if Python had been started with it."""
    import runpy
    for name, flags, number in ((os.devnull, os.O_RDONLY, 0), (request['stdout'], os.O_WRONLY, 1),
                                (request['stderr'], os.O_WRONLY, 2)):
        opened = os.open(name, flags)
        os.dup2(opened, number)
        os.close(opened)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a background job ignores
    os.chdir(request['cwd'])
    os.environ.clear()
    os.environ.update(request['environment'])
    paths = list(filter(None, request['environment'].get('PYTHONPATH', '').split(os.pathsep)))
    first, *rest = request['argv']
    if first == '-m':
        sys.path[:] = [*paths, *standard]
        sys.argv[:] = rest
        runpy.run_module(rest[0], run_name='__main__', alter_sys=True)
    else:
        sys.path[:] = [str(Path(first).parent), *paths, *standard]
        sys.argv[:] = request['argv']
        runpy.run_path(first, run_name='__main__')


if __name__ == '__main__':
    _serve()
