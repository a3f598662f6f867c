"""Handlers run without a task until they wait, and never notice."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

from holdfast.model.messages import Request, Response
from tests.http.raw_client import Client, get, put, run, serving

VARIABLE: ContextVar[str] = ContextVar("variable", default="unset")


def test_timeouts_task_groups_and_the_current_task_work_from_the_first_line() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            first = asyncio.current_task()
            assert first is not None
            if request.path == b"/timeout":
                try:
                    async with asyncio.timeout(0.02):
                        await asyncio.sleep(5)
                except TimeoutError:
                    return Response(200, [], b"timed out")
            if request.path == b"/group":
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(asyncio.sleep(0.001, number)) for number in range(3)]
                assert asyncio.current_task() is first
                return Response(200, [], repr([task.result() for task in tasks]).encode())
            if request.path == b"/future":
                future = asyncio.get_running_loop().create_future()
                asyncio.get_running_loop().call_soon(future.set_exception, ValueError("from outside"))
                try:
                    await future
                except ValueError as error:
                    return Response(200, [], str(error).encode())
            if request.path == b"/cancel":
                first.cancel()
                try:
                    await asyncio.sleep(0)
                except asyncio.CancelledError:
                    return Response(200, [], b"cancelled itself")
            if request.path == b"/cancel-only":
                first.cancel()
            if request.path == b"/yield":
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            return Response(200, [], b"plain")

        async with serving(handler) as (_, port):
            client = await Client.connect(port)
            for path, body in [
                (b"/plain", b"plain"),
                (b"/timeout", b"timed out"),
                (b"/group", b"[0, 1, 2]"),
                (b"/future", b"from outside"),
                (b"/cancel", b"cancelled itself"),
                (b"/cancel-only", b"plain"),
                (b"/yield", b"plain"),
                (b"/plain", b"plain"),
            ]:
                assert (await client.ask(get(path))).body == body, path

    run(test)


def test_context_variables_last_for_one_request_and_across_its_waits() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            before = VARIABLE.get()
            VARIABLE.set(request.path.decode())
            if request.query:
                await asyncio.sleep(0.001)
            return Response(200, [], f"{before} {VARIABLE.get()}".encode())

        async with serving(handler) as (_, port):
            client = await Client.connect(port)
            for target in (b"/a", b"/b?wait", b"/c", b"/d?wait", b"/e"):
                assert (await client.ask(get(target))).body == b"unset " + target.partition(b"?")[0]
            targets = [b"/%d" % number + b"?wait" * (number % 3 == 0) for number in range(20)]
            await client.send(b"".join(map(get, targets)))  # one is begun at the end of the other's task
            for target in targets:
                assert (await client.answer()).body == b"unset " + target.partition(b"?")[0]

    run(test)


def test_no_task_is_made_for_a_handler_that_does_not_wait() -> None:
    async def test() -> None:
        async def handler(request: Request) -> Response:
            return Response(200, [], str(id(asyncio.current_task())).encode() + await request.body.read_all(10))

        async with serving(handler) as (_, port):
            client = await Client.connect(port)
            tasks = {(await client.ask(put(b"Content-Length: 0"))).body for _ in range(10)}
            assert len(tasks) == 1

    run(test)


def test_many_handlers_wait_at_once() -> None:
    async def test() -> None:
        waiting = 0
        everybody = asyncio.Event()

        async def handler(request: Request) -> Response:
            nonlocal waiting
            waiting += 1
            if waiting == 50:
                everybody.set()
            await everybody.wait()
            return Response(200, [], request.path)

        async with serving(handler) as (_, port):
            clients = [await Client.connect(port) for _ in range(50)]
            answers = await asyncio.gather(*[client.ask(get(b"/%d" % number)) for number, client in enumerate(clients)])
            assert [answer.body for answer in answers] == [b"/%d" % number for number in range(50)]

    run(test)
