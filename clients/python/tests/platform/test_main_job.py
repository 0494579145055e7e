"""The main job, with lost connections and expired tokens."""

import asyncio
import contextlib
import tempfile
import threading
import time
import unittest

from tests.platform.proxy import Proxy
from tests.platform.stage import CARD, EXPIRY_SECS, LONG, URL, login, open_session
from troupe_client import AsyncTroupe, FileTokens, MemoryTokens, Reason, Troupe, TroupeError, async_text_of, text_of


class Blocking(unittest.TestCase):
    def through_proxy(self) -> tuple[Proxy, Troupe]:
        proxy = Proxy(URL)
        self.addCleanup(proxy.close)
        return proxy, self.client(proxy.url)

    def client(self, url: str = URL, **more) -> Troupe:  # type: ignore[no-untyped-def]
        client = Troupe(url, **more)
        self.addCleanup(client.close)
        return client

    def test_goes_on_when_connections_are_cut_in_the_middle_of_a_reply(self) -> None:
        proxy, client = self.through_proxy()
        session = open_session(client)
        before, pieces = proxy.connections, []
        for text in text_of(client.messages.send_message(session_id=session, text=LONG)):
            pieces.append(text)
            if len(pieces) in (3, 9):
                proxy.cut()
        self.assertEqual(LONG, "".join(pieces))
        self.assertGreaterEqual(proxy.connections, before + 2)
        messages = [message.text for message in client.messages.all_messages(session_id=session, page_size=1)]
        self.assertEqual([LONG, LONG], messages[:2])
        self.assertEqual(3, len(messages))

    def test_makes_one_session_although_the_first_answer_was_lost(self) -> None:
        proxy, client = self.through_proxy()
        client.register(*login(), "Gwen")
        character = client.characters.import_character(file=CARD).character
        before = proxy.connections
        proxy.cut_next_answer()
        made = client.sessions.create_session(session={"character_id": character.id}).session
        self.assertEqual(before + 1, proxy.connections)
        self.assertEqual([made.id], [session.id for session in client.sessions.list_sessions().sessions])

    def test_renews_an_access_token_that_has_expired_also_for_a_stream(self) -> None:
        client = self.client()
        session = open_session(client)
        before = client.tokens()
        time.sleep(EXPIRY_SECS)
        client.users.get_profile()
        between = client.tokens()
        self.assertNotEqual(before, between)
        time.sleep(EXPIRY_SECS)
        reply = client.messages.send_message(session_id=session, text="one two")
        self.assertEqual("one two", "".join(text_of(reply)))
        self.assertNotEqual(between, client.tokens())

    def test_two_that_renew_at_once_stay_logged_in_also_without_locks(self) -> None:
        class WithoutLocks(MemoryTokens):
            def lock(self):  # type: ignore[no-untyped-def]
                return contextlib.nullcontext()

        for store in (MemoryTokens(), WithoutLocks()):
            clients = [self.client(tokens=store), self.client(tokens=store)]
            clients[0].register(*login(), "Gwen")
            for _ in range(2):
                time.sleep(EXPIRY_SECS)
                failures: list[Exception] = []
                threads = [threading.Thread(target=self.reads, args=(client, failures)) for client in clients * 2]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                self.assertEqual([], failures)
            self.assertIsNotNone(store.load())

    def reads(self, client: Troupe, failures: list[Exception]) -> None:
        try:
            client.users.get_profile()
        except TroupeError as error:
            failures.append(error)

    def test_is_told_why_it_is_refused(self) -> None:
        client = self.client()
        with self.assertRaises(TroupeError) as failed:
            client.users.get_profile()
        self.assertEqual(Reason.TOKEN_MISSING, failed.exception.reason)
        self.assertNotEqual("", failed.exception.request_id)
        client.register(*login(), "Gwen")
        with self.assertRaises(TroupeError) as failed:
            list(client.messages.send_message(session_id="ses_01h455vb4pex5vsknk084sn02q", text="x"))
        self.assertEqual(Reason.NOT_FOUND, failed.exception.reason)
        with self.assertRaises(TroupeError) as failed:
            client.sessions.create_session(session={"character_id": "x"})
        self.assertIn("session.character_id", [violation.field for violation in failed.exception.violations])


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_does_the_main_job_with_cuts_and_expired_tokens(self) -> None:
        proxy = Proxy(URL)
        self.addCleanup(proxy.close)
        with tempfile.TemporaryDirectory() as folder:
            async with AsyncTroupe(proxy.url, tokens=FileTokens(f"{folder}/tokens.json")) as client:
                await client.register(*login(), "Gwen")
                character = (await client.characters.import_character(file=CARD)).character
                session = (await client.sessions.create_session(session={"character_id": character.id})).session
                await asyncio.sleep(EXPIRY_SECS)
                pieces = []
                async for text in async_text_of(client.messages.send_message(session_id=session.id, text=LONG)):
                    pieces.append(text)
                    if len(pieces) in (3, 9):
                        proxy.cut()
                self.assertEqual(LONG, "".join(pieces))
                messages = [it.text async for it in client.messages.all_messages(session_id=session.id, page_size=1)]
                self.assertEqual([LONG, LONG], messages[:2])
                await client.log_out()
