# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any

__all__ = ["Error", "Overrun", "Probe", "Window", "inject"]

class Error(Exception):
    code: str
    log: str
    hint: str
    def __init__(self, message: str, code: str = ..., log: str = ..., hint: str = ...) -> None: ...

class Overrun(Exception):
    def __init__(self, message: str = ...) -> None: ...

class Window:
    number: int
    probe: str
    interface: str
    start_ns: int
    end_ns: int
    late: int
    skipped: int
    packets: Any
    tables: Mapping[str, Any]
    detection: Any | None
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...
    @property
    def duration(self) -> float: ...
    @property
    def tensor(self) -> Any | None: ...
    def alert(
        self,
        src: Any = ...,
        dst: Any = ...,
        sport: int = ...,
        dport: int = ...,
        protocol: str = ...,
        packets: int = ...,
        score: float | None = ...,
        reason: str = ...,
    ) -> None: ...

class Probe:
    def __init__(self, options: dict[str, Any]) -> None: ...
    @property
    def notices(self) -> list[str]: ...
    @property
    def mode(self) -> str: ...
    def __iter__(self) -> Iterator[Window]: ...
    def __next__(self) -> Window: ...
    def close(self) -> None: ...
    def __enter__(self) -> Probe: ...
    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None: ...

def inject(
    interface: str,
    probe: str = ...,
    window: float = ...,
    *,
    hook: str | None = ...,
    mode: str = ...,
    strict: bool = ...,
    windows: int = ...,
    program: str = ...,
    cflags: Sequence[str] = ...,
    settings: Mapping[str, Any] | None = ...,
    window_maps: Sequence[str] = ...,
    persist_maps: Sequence[str] = ...,
    model: str | PathLike[str] | None = ...,
    profile: str = ...,
    threshold: float | None = ...,
    threads: int = ...,
    device: str = ...,
) -> Probe: ...
