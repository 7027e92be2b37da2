"""Options that had other names in lhl 0.1: configs of that time can be read, runs of that time keep their hashes."""
from typing import Any

#: The name of an option -> its name in lhl 0.1.
_OPTIONS = {'edge_source': 'edges_of'}
#: An option and its value -> the value's name in lhl 0.1.
_VALUES = {('old_heads', 'reinit'): 'fresh'}


def with_present_names(config: Any) -> Any:
    """Copy a config, or a part of it, with the options of lhl 0.1 under their present names."""
    return _renamed(config, {before: now for now, before in _OPTIONS.items()},
                    {(option, before): now for (option, now), before in _VALUES.items()})


def with_first_names(config: Any) -> Any:
    """Copy a config, or a part of it, with the options as lhl 0.1 wrote them, by which hashes stay what they were."""
    return _renamed(config, _OPTIONS, _VALUES)


def _renamed(config: Any, options: dict[str, str], values: dict[tuple[str, str], str]) -> Any:
    if isinstance(config, dict):
        return {options.get(key, key): values.get((key, value), value) if isinstance(value, str)
                else _renamed(value, options, values) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(_renamed(entry, options, values) for entry in config)
    return config
