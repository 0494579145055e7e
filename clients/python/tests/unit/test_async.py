"""The client for asyncio: the same steps, done by the loop."""

import asyncio
import tempfile
import threading
import unittest
from typing import Any
from unittest import mock

import grpc

from tests.unit.case import B, signed_in
from tests.unit.fake import Fake, delta, ended, pair, refuse, sent, started, watched
from tests.unit.test_tokens import only
from troupe.roleplay.v1 import session_service_pb2 as sessions
from troupe.users.v1 import auth_service_pb2 as auth
from troupe_client import AsyncTroupe, FileTokens, TroupeError, async_text_of
from tests.unit.case import A

LOST = grpc.StatusCode.UNAVAILABLE


class Async(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        self.pauses: list[float] = []

        async def pause(seconds: float) -> None:
            self.pauses.append(seconds)

        patched = mock.patch("troupe_client.calls.asyncio.sleep", pause)
        patched.start()
        self.addCleanup(patched.stop)

    def platform(self, **handlers: Any) -> Fake:
        fake = Fake(**handlers)
        self.addCleanup(fake.stop)
        return fake

    async def test_sends_again_and_gives_up(self) -> None:
        fake = self.platform(CreateSession=lambda _, context: refuse(context, LOST))
        async with AsyncTroupe(fake.url, tokens=signed_in()) as client:
            with self.assertRaises(TroupeError) as failed:
                await client.sessions.create_session()
        self.assertTrue(failed.exception.is_lost)
        first, *others = fake.requests["CreateSession"]
        self.assertEqual([first, first], others)
        self.assertEqual(2, len(self.pauses))

    async def test_logs_in_and_out(self) -> None:
        fake = self.platform(
            Register=lambda *_: auth.RegisterResponse(),
            Login=lambda *_: auth.LoginResponse(tokens=pair("a")),
            Logout=lambda *_: auth.LogoutResponse(),
        )
        async with AsyncTroupe(fake.url) as client:
            await client.register("ann@example.com", "x", "Ann")
            self.assertEqual(A, client.tokens())
            await client.log_out()
            self.assertIsNone(client.tokens())

    async def test_continues_a_reply(self) -> None:
        def send(_, context):  # type: ignore[no-untyped-def]
            yield sent(started())
            yield sent(delta("a", 0))
            refuse(context, LOST)

        def watch(request, _):  # type: ignore[no-untyped-def]
            yield watched(started())
            yield watched(delta("b", request.offset))
            yield watched(ended("ab"))

        fake = self.platform(SendMessage=send, WatchGeneration=watch)
        async with AsyncTroupe(fake.url, tokens=signed_in()) as client:
            reply = async_text_of(client.messages.send_message(text="x"))
            self.assertEqual(["a", "b"], [text async for text in reply])

    async def test_iterates_over_all_pages(self) -> None:
        pages = {"": ("ab", "2"), "2": ("c", "")}

        def page(request, _):  # type: ignore[no-untyped-def]
            ids, token = pages[request.page_token]
            return sessions.ListSessionsResponse(sessions=[sessions.Session(id=id) for id in ids], next_page_token=token)

        fake = self.platform(ListSessions=page)
        async with AsyncTroupe(fake.url, tokens=signed_in()) as client:
            self.assertEqual(["a", "b", "c"], [session.id async for session in client.sessions.all_sessions()])

    async def test_tasks_and_clients_that_share_tokens_renew_once(self) -> None:
        fake = self.platform(
            GetProfile=only("access-b"), RefreshToken=lambda *_: auth.RefreshTokenResponse(tokens=pair("b", 1001))
        )
        with tempfile.TemporaryDirectory() as folder:
            FileTokens(f"{folder}/tokens").save(A)
            stores = [FileTokens(f"{folder}/tokens") for _ in range(2)]
            clients = [AsyncTroupe(fake.url, tokens=store) for store in stores]
            await asyncio.gather(*(client.users.get_profile() for client in clients * 3))
            for client in clients:
                await client.close()
            self.assertEqual(B, stores[0].load())
        self.assertEqual(1, len(fake.requests["RefreshToken"]))

    async def test_a_task_that_is_cancelled_holds_no_lock(self) -> None:
        fake = self.platform(
            GetProfile=only("access-b"), RefreshToken=lambda *_: auth.RefreshTokenResponse(tokens=pair("b", 1001))
        )
        store = signed_in()
        async with AsyncTroupe(fake.url, tokens=store) as client:
            with store.lock():
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(client.users.get_profile(), 0.5)
            await client.users.get_profile()
        self.assertEqual(B, store.load())

    async def test_a_task_that_is_cancelled_loses_no_pair_that_was_given_out(self) -> None:
        asked, go = threading.Event(), threading.Event()

        def refresh(*_: Any) -> Any:
            asked.set()
            go.wait(10)
            return auth.RefreshTokenResponse(tokens=pair("b", 1001))

        fake = self.platform(GetProfile=only("access-b"), RefreshToken=refresh)
        store = signed_in()
        async with AsyncTroupe(fake.url, tokens=store) as client:
            task = asyncio.create_task(client.users.get_profile())
            await asyncio.to_thread(asked.wait, 10)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            go.set()
            await client.users.get_profile()
        self.assertEqual(B, store.load())
        self.assertEqual(1, len(fake.requests["RefreshToken"]))

    async def test_a_call_waits_no_longer_than_it_may_for_a_renewal(self) -> None:
        fake = self.platform(
            GetProfile=only("access-b"), RefreshToken=lambda *_: auth.RefreshTokenResponse(tokens=pair("b", 1001))
        )
        store = signed_in()
        async with AsyncTroupe(fake.url, tokens=store) as client:
            with store.lock():
                with self.assertRaises(TroupeError) as failed:
                    await asyncio.wait_for(client.users.get_profile(timeout=0.5), 5)
            self.assertEqual(grpc.StatusCode.DEADLINE_EXCEEDED, failed.exception.code)
            await client.users.get_profile()
        self.assertEqual(B, store.load())

    async def test_logs_out_who_is_out_already(self) -> None:
        unauthenticated = grpc.StatusCode.UNAUTHENTICATED
        fake = self.platform(Logout=lambda _, context: refuse(context, unauthenticated, "TOKEN_MISSING"))
        async with AsyncTroupe(fake.url, tokens=signed_in()) as client:
            await client.log_out()
            self.assertIsNone(client.tokens())
