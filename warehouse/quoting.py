"""Values within SQL, where it takes no parameters."""


def quoted(value: object) -> str:
    """As a string of SQL."""
    return "'" + str(value).replace("'", "''") + "'"
