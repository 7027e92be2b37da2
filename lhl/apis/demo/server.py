"""What must be there before anything is loaded: Gradio, and a free port."""
import errno
import socket
from importlib.metadata import PackageNotFoundError, version

from lhl.errors import ConfigError

#: The major version of Gradio that the page is written for.
_GRADIO = '6'


def check_gradio() -> None:
    """Refuse to continue where Gradio is not installed."""
    cure = "install it with pip install 'lhl[demo]'"
    try:
        found = version('gradio')
    except PackageNotFoundError:
        raise ConfigError(f'lhl demo needs gradio, not installed here; {cure}') from None
    if found.split('.')[0] != _GRADIO:
        raise ConfigError(f'lhl demo needs gradio {_GRADIO}, found {found}; {cure}')


def check_address(host: str, port: int) -> None:
    """Refuse a host or port on which no page can be served.

    Raises:
        ConfigError: If the port is in use, not allowed or impossible, or the host is none of this machine's.
    """
    if not 1 <= port <= 65535:
        raise ConfigError(f'`port={port}` is not possible, expected 1 to 65535')
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(f'port {port} of {host} is in use; give another one, such as '
                              f'`port={port + 1 if port < 65535 else 7860}`, or end the program that uses it') from None
        if error.errno == errno.EACCES:
            raise ConfigError(f'port {port} needs rights that you do not have; use 1024 or above, such as '
                              f'`port=7860`') from None
        raise ConfigError(f'`host={host}` cannot be used ({error.strerror}); give an address of this machine, such as '
                          f'127.0.0.1') from None
    except UnicodeError:
        raise ConfigError(f'`host={host}` is no address; give one of this machine, such as 127.0.0.1') from None
