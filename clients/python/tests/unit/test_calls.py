"""Request ids, retries, errors and pages."""

import grpc
from google.rpc import error_details_pb2

from tests.unit.case import Case
from tests.unit.fake import in_seconds, refuse
from troupe.roleplay.v1 import session_service_pb2 as sessions
from troupe.users.v1 import user_service_pb2 as users
from troupe_client import Reason, TroupeError, Violation
from troupe_client.patience import Patience

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
BUSY = grpc.StatusCode.RESOURCE_EXHAUSTED


class Calls(Case):
    def test_fills_request_ids_anew_for_each_call(self) -> None:
        fake = self.platform(CreateSession=lambda *_: sessions.CreateSessionResponse())
        client = self.client(fake)
        client.sessions.create_session()
        client.sessions.create_session()
        client.sessions.create_session(request_id="mine")
        first, second, third = (request.request_id for request in fake.requests["CreateSession"])
        self.assertEqual([32, 32, "mine"], [len(first), len(second), third])
        self.assertNotEqual(first, second)

    def test_sends_the_same_request_again_twice_and_then_gives_up(self) -> None:
        fake = self.platform(CreateSession=lambda _, context: refuse(context, UNAVAILABLE, "UNAVAILABLE"))
        with self.assertRaises(TroupeError) as failed:
            self.client(fake).sessions.create_session()
        self.assertEqual(Reason.UNAVAILABLE, failed.exception.reason)
        requests = fake.requests["CreateSession"]
        self.assertEqual(3, len(requests))
        self.assertEqual([requests[0]] * 3, requests)
        self.assertEqual(2, len(self.pauses))

    def test_succeeds_once_what_was_away_is_back(self) -> None:
        answers = iter([lambda context: refuse(context, UNAVAILABLE), lambda _: users.GetProfileResponse()])
        fake = self.platform(GetProfile=lambda _, context: next(answers)(context))
        self.client(fake).users.get_profile()
        self.assertEqual(2, len(fake.requests["GetProfile"]))

    def test_never_repeats_what_is_neither_idempotent_nor_has_an_id(self) -> None:
        for code, reason in [(UNAVAILABLE, ""), (UNAVAILABLE, "UNAVAILABLE"), (BUSY, "RATE_LIMITED")]:
            fake = self.platform(Login=lambda _, context, code=code, reason=reason: refuse(context, code, reason))
            with self.assertRaises(TroupeError):
                self.client(fake).log_in("ann@example.com", "x")
            self.assertEqual(1, len(fake.requests["Login"]), reason)

    def test_goes_by_the_catalogue_of_reasons(self) -> None:
        tries = {
            (BUSY, "RATE_LIMITED"): 3,
            (BUSY, "REQUEST_TOO_LARGE"): 1,
            (BUSY, "MADE_LATER_THAN_THIS_CLIENT"): 3,
            (grpc.StatusCode.ABORTED, "GENERATION_RUNNING"): 1,
            (grpc.StatusCode.NOT_FOUND, "NOT_FOUND"): 1,
            (grpc.StatusCode.INTERNAL, "INTERNAL"): 1,
            (grpc.StatusCode.INTERNAL, ""): 3,
            (grpc.StatusCode.UNIMPLEMENTED, ""): 1,
            (grpc.StatusCode.DEADLINE_EXCEEDED, ""): 1,
        }
        for (code, reason), expected in tries.items():
            fake = self.platform(GetProfile=lambda _, context, code=code, reason=reason: refuse(context, code, reason))
            with self.assertRaises(TroupeError):
                self.client(fake).users.get_profile()
            self.assertEqual(expected, len(fake.requests["GetProfile"]), f"{code} {reason}")

    def test_waits_as_long_as_it_is_told_to_and_not_for_ever(self) -> None:
        error = TroupeError(BUSY, "", reason="RATE_LIMITED", retry_after=7.0)
        patience = Patience(2)
        self.assertTrue(7.2 <= patience.pause_after(error) <= 7.6)
        self.assertTrue(7.4 <= patience.pause_after(error) <= 8.2)
        self.assertRaises(TroupeError, patience.pause_after, error)
        error.retry_after = 31.0
        self.assertRaises(TroupeError, Patience(2).pause_after, error)

    def test_does_not_wait_for_what_comes_after_the_deadline(self) -> None:
        details = in_seconds(2.5)
        fake = self.platform(GetProfile=lambda _, context: refuse(context, BUSY, "RATE_LIMITED", details))
        with self.assertRaises(TroupeError) as failed:
            self.client(fake).users.get_profile(timeout=2.0)
        self.assertEqual(Reason.RATE_LIMITED, failed.exception.reason)
        self.assertEqual((1, []), (len(fake.requests["GetProfile"]), self.pauses))

    def test_tells_all_that_a_refusal_says(self) -> None:
        bad = error_details_pb2.BadRequest()
        bad.field_violations.add(field="title", description="is too long")
        details = [bad, in_seconds(1.5), error_details_pb2.RequestInfo(request_id="req-1")]
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        fake = self.platform(
            CreateSession=lambda _, context: refuse(context, invalid, "INVALID_REQUEST", *details, message="wrong")
        )
        with self.assertRaises(TroupeError) as failed:
            self.client(fake).sessions.create_session()
        error = failed.exception
        self.assertEqual("INVALID_REQUEST: wrong", str(error))
        self.assertEqual([Violation("title", "is too long")], error.violations)
        self.assertEqual((1.5, "req-1", False), (error.retry_after, error.request_id, error.is_lost))

    def test_tells_that_nobody_answers(self) -> None:
        fake = self.platform()
        fake.stop()
        with self.assertRaises(TroupeError) as failed:
            self.client(fake).users.get_profile()
        self.assertTrue(failed.exception.is_lost)
        self.assertEqual(2, len(self.pauses))

    def test_iterates_over_all_pages(self) -> None:
        pages = {"": ("ab", "2"), "2": ("c", "3"), "3": ("", "4"), "4": ("d", "")}

        def page(request, _):  # type: ignore[no-untyped-def]
            ids, token = pages[request.page_token]
            found = [sessions.Session(id=id) for id in ids]
            return sessions.ListSessionsResponse(sessions=found, next_page_token=token)

        fake = self.platform(ListSessions=page)
        found = self.client(fake).sessions.all_sessions(page_size=2)
        self.assertEqual("a", next(found).id)
        self.assertEqual(1, len(fake.requests["ListSessions"]))
        self.assertEqual(["b", "c", "d"], [session.id for session in found])
        self.assertEqual([2] * 4, [request.page_size for request in fake.requests["ListSessions"]])
