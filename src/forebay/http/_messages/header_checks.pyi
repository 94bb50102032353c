def check_name(name: object) -> str:
    """The name in lower case. Raises InvalidHeaderError for what is no name, InvalidArgTypeError for what is no str."""

def check_value(name: str, value: object) -> str:
    """The value as text. Raises InvalidHeaderError for line breaks and what is not Latin-1."""
