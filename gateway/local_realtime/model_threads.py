"""A model that works in threads of its own, beside the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

_Model = TypeVar("_Model")
_T = TypeVar("_T")


class ModelThreads(Generic[_Model]):
    """Loads a model inside ``async with``, and runs its work in ``n_workers`` threads called ``name``.

    ``load`` runs in one of them; what it raises, ``async with`` raises.
    """

    def __init__(self, load: Callable[[], _Model], *, name: str, n_workers: int) -> None:
        self._load = load
        self._name = name
        self._workers = ThreadPoolExecutor(n_workers, thread_name_prefix=name)
        self._loaded: _Model | None = None

    @property
    def _model(self) -> _Model:
        if self._loaded is None:
            raise RuntimeError(f"the {self._name} is not open")
        return self._loaded

    async def __aenter__(self) -> Self:
        try:
            self._loaded = await self._run(self._load)
        except BaseException:  # cancelled, too: threads that nobody ends keep the process alive
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give up what is waiting and end the threads; what is in work is finished, in less than 1 s."""
        self._loaded = None
        await asyncio.to_thread(self._workers.shutdown, cancel_futures=True)

    def _run(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        return asyncio.get_running_loop().run_in_executor(self._workers, work)
