"""Access tokens, their renewal, and where they are kept."""

import dataclasses
import pathlib
import tempfile
import threading

import grpc

from tests.unit.case import A, B, Case, signed_in
from tests.unit.fake import pair, refuse
from troupe.users.v1 import auth_service_pb2 as auth
from troupe.users.v1 import user_service_pb2 as users
from troupe_client import FileTokens, MemoryTokens, TroupeError

REFUSED = grpc.StatusCode.UNAUTHENTICATED


def only(*accepted):  # type: ignore[no-untyped-def]
    """A profile for those whose access token is accepted."""

    def handler(_, context):  # type: ignore[no-untyped-def]
        bearer = dict(context.invocation_metadata()).get("authorization", "")
        if bearer.removeprefix("Bearer ") not in accepted:
            refuse(context, REFUSED, "TOKEN_INVALID")
        return users.GetProfileResponse()

    return handler


class Renewal(Case):
    def test_logs_in_and_out(self) -> None:
        fake = self.platform(
            Register=lambda *_: auth.RegisterResponse(),
            Login=lambda *_: auth.LoginResponse(tokens=pair("a")),
            Logout=lambda *_: auth.LogoutResponse(),
        )
        client = self.client(fake, MemoryTokens())
        client.register("ann@example.com", "x", "Ann")
        self.assertEqual(A, client.tokens())
        client.log_out()
        self.assertIsNone(client.tokens())
        self.assertEqual([""], fake.bearers["Login"])
        self.assertEqual(["Bearer access-a"], fake.bearers["Logout"])

    def test_logs_out_who_is_out_already_and_nobody_whose_call_was_lost(self) -> None:
        def log_out(_, context):  # type: ignore[no-untyped-def]
            bearer = dict(context.invocation_metadata()).get("authorization", "")
            refuse(context, REFUSED, "TOKEN_INVALID" if bearer else "TOKEN_MISSING")

        fake = self.platform(
            Logout=log_out, RefreshToken=lambda _, context: refuse(context, REFUSED, "REFRESH_TOKEN_INVALID")
        )
        for store in (MemoryTokens(), signed_in()):
            client = self.client(fake, store)
            client.log_out()
            self.assertIsNone(client.tokens())
        client = self.client(self.platform(Logout=lambda _, context: refuse(context, grpc.StatusCode.UNAVAILABLE)))
        self.assertRaises(TroupeError, client.log_out)
        self.assertEqual(A, client.tokens())

    def test_renews_a_refused_token_and_sends_the_call_again(self) -> None:
        fake = self.platform(
            GetProfile=only("access-b"), RefreshToken=lambda *_: auth.RefreshTokenResponse(tokens=pair("b", 1001))
        )
        client = self.client(fake)
        client.users.get_profile()
        self.assertEqual(["Bearer access-a", "Bearer access-b"], fake.bearers["GetProfile"])
        self.assertEqual([""], fake.bearers["RefreshToken"])
        self.assertEqual((B, []), (client.tokens(), self.pauses))

    def test_renews_at_most_twice_for_a_call(self) -> None:
        fake = self.platform(
            GetProfile=only(), RefreshToken=lambda *_: auth.RefreshTokenResponse(tokens=pair("b", 1001))
        )
        with self.assertRaises(TroupeError) as failed:
            self.client(fake).users.get_profile()
        self.assertEqual("TOKEN_INVALID", failed.exception.reason)
        self.assertEqual(2, len(fake.requests["RefreshToken"]))
        self.assertEqual(3, len(fake.requests["GetProfile"]))

    def test_takes_the_pair_of_another_tab_that_replaced_its_own_at_once(self) -> None:
        store = signed_in()
        other = dataclasses.replace(B, access_token="access-c", refresh_token="refresh-c")

        def profile(request, context):  # type: ignore[no-untyped-def]
            if fake.bearers["GetProfile"][-1] == "Bearer access-b":
                store.save(other)
            return only("access-c")(request, context)

        fake = self.platform(
            GetProfile=profile, RefreshToken=lambda *_: auth.RefreshTokenResponse(tokens=pair("b", 1001))
        )
        self.client(fake, store).users.get_profile()
        self.assertEqual(1, len(fake.requests["RefreshToken"]))

    def test_takes_the_pair_that_another_tab_got(self) -> None:
        store = signed_in()

        def superseded(_, context):  # type: ignore[no-untyped-def]
            # The other tab has its answer, and stores it a moment later.
            if len(fake.requests["RefreshToken"]) == 3:
                store.save(B)
            refuse(context, REFUSED, "TOKEN_SUPERSEDED")

        fake = self.platform(GetProfile=only("access-b"), RefreshToken=superseded)
        client = self.client(fake, store)
        client.users.get_profile()
        self.assertEqual(3, len(fake.requests["RefreshToken"]))
        self.assertEqual(B, client.tokens())

    def test_ends_with_a_refresh_token_that_is_refused(self) -> None:
        fake = self.platform(
            GetProfile=only(), RefreshToken=lambda _, context: refuse(context, REFUSED, "REFRESH_TOKEN_INVALID")
        )
        client = self.client(fake)
        with self.assertRaises(TroupeError) as failed:
            client.users.get_profile()
        self.assertEqual("REFRESH_TOKEN_INVALID", failed.exception.reason)
        self.assertIsNone(client.tokens())

    def test_keeps_the_pair_of_another_tab_when_its_own_is_refused(self) -> None:
        store = signed_in()

        def refused(_, context):  # type: ignore[no-untyped-def]
            store.save(B)
            refuse(context, REFUSED, "REFRESH_TOKEN_INVALID")

        fake = self.platform(GetProfile=only("access-b"), RefreshToken=refused)
        client = self.client(fake, store)
        client.users.get_profile()
        self.assertEqual(B, client.tokens())

    def test_keeps_the_later_of_two_pairs_and_nobody_elses(self) -> None:
        for stored, expected in [(B, B), (None, None)]:
            store = signed_in()

            def late(*_, store=store, stored=stored):  # type: ignore[no-untyped-def]
                store.save(stored)
                return auth.RefreshTokenResponse(tokens=pair("old", 999))

            fake = self.platform(GetProfile=only("access-b"), RefreshToken=late)
            client = self.client(fake, store)
            try:
                client.users.get_profile()
            except TroupeError:
                self.assertIsNone(expected)
            self.assertEqual(expected, client.tokens())

    def test_many_threads_renew_once(self) -> None:
        accepted = threading.Barrier(4)

        def profile(request, context):  # type: ignore[no-untyped-def]
            if len(fake.bearers["GetProfile"]) <= 4:
                accepted.wait(30)
            return only("access-b")(request, context)

        fake = self.platform(
            GetProfile=profile, RefreshToken=lambda *_: auth.RefreshTokenResponse(tokens=pair("b", 1001))
        )
        store = signed_in()
        threads = [threading.Thread(target=self.client(fake, store).users.get_profile) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(8, len(fake.requests["GetProfile"]))
        self.assertEqual(1, len(fake.requests["RefreshToken"]))

    def test_a_call_waits_no_longer_than_it_may_for_the_renewal_of_another(self) -> None:
        asked, go = threading.Event(), threading.Event()
        self.addCleanup(go.set)

        def refresh(*_):  # type: ignore[no-untyped-def]
            asked.set()
            go.wait(30)
            return auth.RefreshTokenResponse(tokens=pair("b", 1001))

        fake = self.platform(GetProfile=only("access-b"), RefreshToken=refresh)
        store = signed_in()
        other = threading.Thread(target=self.client(fake, store).users.get_profile)
        other.start()
        self.assertTrue(asked.wait(30))
        client = self.client(fake, store)
        with self.assertRaises(TroupeError) as failed:
            client.users.get_profile(timeout=0.3)
        self.assertEqual(grpc.StatusCode.DEADLINE_EXCEEDED, failed.exception.code)
        self.assertEqual(A, store.load())
        go.set()
        other.join()
        client.users.get_profile()
        self.assertEqual((B, 1), (store.load(), len(fake.requests["RefreshToken"])))

    def test_a_call_that_gives_up_loses_no_pair_that_was_given_out(self) -> None:
        go = threading.Event()
        self.addCleanup(go.set)

        def refresh(*_):  # type: ignore[no-untyped-def]
            go.wait(30)
            return auth.RefreshTokenResponse(tokens=pair("b", 1001))

        fake = self.platform(GetProfile=only("access-b"), RefreshToken=refresh)
        store = signed_in()
        client = self.client(fake, store)
        self.assertRaises(TroupeError, client.users.get_profile, timeout=0.3)
        go.set()
        client.users.get_profile()
        self.assertEqual((B, 1), (store.load(), len(fake.requests["RefreshToken"])))


class Files(Case):
    def test_keeps_tokens_where_only_the_owner_reads_them(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "tokens.json"
            store = FileTokens(path)
            self.assertIsNone(store.load())
            store.save(A)
            store.save(B)
            self.assertEqual(B, FileTokens(path).load())
            self.assertEqual(0o600, path.stat().st_mode & 0o777)
            store.save(None)
            self.assertIsNone(store.load())

    def test_two_who_share_a_file_take_turns(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "tokens.json"
            turns: list[str] = []

            def other() -> None:
                with FileTokens(path).lock():
                    turns.append("second")

            with FileTokens(path).lock():
                thread = threading.Thread(target=other)
                thread.start()
                thread.join(0.2)
                turns.append("first")
            thread.join()
            self.assertEqual(["first", "second"], turns)
