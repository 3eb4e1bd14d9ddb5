"""How the keys of files are documented, and the keys that many files have."""

from typing import Annotated, NamedTuple


class Doc(NamedTuple):
    """The meaning of a key of a file, and its unit."""

    meaning: str
    unit: str = ""


Dataset = Annotated[str, Doc("the dataset")]
DataMonth = Annotated[str, Doc("the data month")]
RunMonth = Annotated[str, Doc("the run month")]
ValidationMonth = Annotated[str, Doc("the month whose rows were predicted")]
