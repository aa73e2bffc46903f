"""The page of the docs that is made from the settings: `python -m dwell.reference` prints it."""

import sys

from dwell.settings import Settings, default_of, expected_of, option_of, variable_of

HEAD = """\
# Settings

<!-- Made by `./dev docs` from src/dwell/settings.py: edit there. -->

Every setting is an environment variable and, on the commands it serves, an option; the option wins
over the variable, the variable over the default. An empty variable counts as none. A value that
cannot be used ends the command with exit status 2 and one line that names the setting, its value
and what would be right. A secret is never a value: a setting names the file that holds it, as
`DWELL_KAFKA_PASSWORD_FILE` does, and `DWELL_KAFKA_PASSWORD` is refused. `dwell COMMAND --help` lists the settings of a command.
"""


def settings_page() -> str:
    """`docs/settings.md`."""
    return "\n".join([HEAD, *map(_section, Settings.model_fields)])


def _section(name: str) -> str:
    default = default_of(name)
    return f"""\
## {variable_of(name)}

{Settings.model_fields[name].description}

- option: `{option_of(name)} VALUE`
- expected: {expected_of(name)}
- default: {f"`{default}`" if default else "none"}
"""


if __name__ == "__main__":
    sys.stdout.write(settings_page())
