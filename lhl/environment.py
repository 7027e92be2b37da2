"""Which packages are installed, and whether they get along."""
from importlib.metadata import PackageNotFoundError, version

from lhl.errors import ConfigError

STACK = ('torch', 'numpy', 'opencv-python', 'onedl-mmengine', 'onedl-mmcv', 'onedl-mmsegmentation')
#: The maintained forks share their import names with these.
UPSTREAM = ('mmengine', 'mmcv', 'mmcv-lite', 'mmcv-full', 'mmsegmentation')


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def installed_versions() -> dict[str, str]:
    """Give the versions of the packages that results depend on, for the record of a run."""
    import lhl
    return {'lhl': lhl.__version__, **{name: _version(name) or 'not installed' for name in STACK}}


def check_stack() -> None:
    """Refuse two copies of OpenMMLab's packages in one place.

    Raises:
        ConfigError: If an upstream package is installed beside its maintained fork.
    """
    found = [name for name in UPSTREAM if _version(name)]
    forks = [name for name in STACK if name.startswith('onedl-') and _version(name)]
    if found and forks:
        raise ConfigError(f'{", ".join(found)} and {", ".join(forks)} are installed over each other; run '
                          f'"pip uninstall -y {" ".join(found + forks)}" and then '
                          f'"pip install -e . -c constraints.txt"')
