"""Origin: where a folder came from or went to on the Hub, kept in a private file beside the public ones."""

from __future__ import annotations

import dataclasses
import pathlib
import time

from .. import files

FILE = "hub.json"


@dataclasses.dataclass(frozen=True)
class Origin:
    """A repository at a commit: it never changes, so it is what recipes name."""

    repo: str  # "user/name"
    commit: str  # 40 hexadecimal digits
    revision: str = ""  # the branch or tag that was asked for, "" where nobody chose
    private: bool = False
    pulled: bool = True  # False: it was made here and published
    when: float = dataclasses.field(default_factory=time.time)  # seconds since 1970

    @classmethod
    def of(cls, folder: pathlib.Path) -> Origin | None:
        """What a folder's hub.json says; None where it has none that makes sense."""
        told = files.read_json(folder / FILE)
        try:
            return cls(**{field.name: told[field.name] for field in dataclasses.fields(cls)})
        except (KeyError, TypeError):
            return None

    def write(self, folder: pathlib.Path) -> None:
        """Keep it in the folder, whole or not at all."""
        files.write_json(folder / FILE, dataclasses.asdict(self))
