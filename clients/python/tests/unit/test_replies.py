"""Streamed replies, and what happens when their connection is lost."""

import threading

import grpc

from tests.unit.case import Case, signed_in
from tests.unit.fake import delta, ended, failed, pair, refuse, sent, started, watched
from troupe.users.v1 import auth_service_pb2 as auth
from troupe_client import TroupeError, text_of

LOST = grpc.StatusCode.UNAVAILABLE


class Replies(Case):
    def test_continues_from_the_offset_that_was_reached(self) -> None:
        def send(_, context):  # type: ignore[no-untyped-def]
            yield sent(started())
            yield sent(delta("héllo", 0))
            refuse(context, LOST)

        def watch(request, _):  # type: ignore[no-untyped-def]
            yield watched(started())
            yield watched(delta(" again", request.offset))
            yield watched(ended("héllo again"))

        fake = self.platform(SendMessage=send, WatchGeneration=watch)
        events = [it.event for it in self.client(fake).messages.send_message(text="x")]
        self.assertEqual(["started", "delta", "delta", "ended"], [event.WhichOneof("event") for event in events])
        self.assertEqual(["héllo", " again"], [event.delta.text for event in events if event.HasField("delta")])
        (watching,) = fake.requests["WatchGeneration"]
        self.assertEqual(("gen_1", 6), (watching.generation_id, watching.offset))
        self.assertEqual(1, len(fake.requests["SendMessage"]))

    def test_sends_the_message_again_with_its_id_if_nothing_came(self) -> None:
        def send(_, context):  # type: ignore[no-untyped-def]
            if len(fake.requests["SendMessage"]) == 1:
                refuse(context, LOST)
            yield sent(started())
            yield sent(delta("a", 0))
            yield sent(ended("a"))

        fake = self.platform(SendMessage=send)
        self.assertEqual(["a"], list(text_of(self.client(fake).messages.send_message(text="x"))))
        first, second = fake.requests["SendMessage"]
        self.assertEqual(first, second)

    def test_raises_what_a_reply_failed_for_after_its_text(self) -> None:
        def send(_, __):  # type: ignore[no-untyped-def]
            yield sent(started())
            yield sent(delta("a", 0))
            yield sent(failed("PROVIDER_UNAVAILABLE"))

        texts = []
        with self.assertRaises(TroupeError) as raised:
            for text in text_of(self.client(self.platform(SendMessage=send)).messages.send_message(text="x")):
                texts.append(text)
        self.assertEqual((["a"], "PROVIDER_UNAVAILABLE"), (texts, raised.exception.reason))

    def test_watches_again_where_a_stream_has_no_end(self) -> None:
        def watch(request, _):  # type: ignore[no-untyped-def]
            yield watched(started())
            if request.offset:
                # What has come before is left out.
                yield watched(delta("ab", 0))
                yield watched(delta("c", 2))
                yield watched(ended("abc"))
            else:
                yield watched(delta("ab", 0))

        fake = self.platform(WatchGeneration=watch)
        found = list(text_of(self.client(fake).generations.watch_generation(generation_id="gen_1")))
        self.assertEqual(["ab", "c"], found)
        self.assertEqual([0, 2], [request.offset for request in fake.requests["WatchGeneration"]])

    def test_counts_failures_since_the_last_event(self) -> None:
        text = "abcdefgh"

        def send(_, context):  # type: ignore[no-untyped-def]
            yield sent(started())
            refuse(context, LOST)

        def watch(request, context):  # type: ignore[no-untyped-def]
            yield watched(started())
            if request.offset == len(text):
                yield watched(ended(text))
                return
            yield watched(delta(text[request.offset], request.offset))
            refuse(context, LOST)

        fake = self.platform(SendMessage=send, WatchGeneration=watch)
        self.assertEqual(text, "".join(text_of(self.client(fake).messages.send_message(text="x"))))

    def test_gives_up_when_nothing_more_comes(self) -> None:
        def send(_, context):  # type: ignore[no-untyped-def]
            yield sent(started())
            refuse(context, LOST)

        fake = self.platform(SendMessage=send, WatchGeneration=lambda _, context: refuse(context, LOST))
        with self.assertRaises(TroupeError):
            list(self.client(fake).messages.send_message(text="x"))
        self.assertEqual(2, len(fake.requests["WatchGeneration"]))

    def test_passes_a_refusal_on(self) -> None:
        code = grpc.StatusCode.ABORTED
        fake = self.platform(SendMessage=lambda _, context: refuse(context, code, "GENERATION_RUNNING"))
        with self.assertRaises(TroupeError) as failed:
            list(self.client(fake).messages.send_message(text="x"))
        self.assertEqual("GENERATION_RUNNING", failed.exception.reason)
        self.assertEqual(1, len(fake.requests["SendMessage"]))

    def test_renews_the_token_in_the_middle_of_a_reply(self) -> None:
        def send(_, context):  # type: ignore[no-untyped-def]
            yield sent(started())
            yield sent(delta("a", 0))
            refuse(context, LOST)

        def watch(request, context):  # type: ignore[no-untyped-def]
            if fake.bearers["WatchGeneration"][-1] != "Bearer access-b":
                refuse(context, grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")
            yield watched(started())
            yield watched(ended("a"))

        fake = self.platform(
            SendMessage=send,
            WatchGeneration=watch,
            RefreshToken=lambda *_: auth.RefreshTokenResponse(tokens=pair("b", 1001)),
        )
        store = signed_in()
        self.assertEqual(["a"], list(text_of(self.client(fake, store).messages.send_message(text="x"))))

    def test_ends_the_connection_when_the_caller_leaves(self) -> None:
        left = threading.Event()

        def send(_, context):  # type: ignore[no-untyped-def]
            context.add_callback(left.set)
            yield sent(started())
            left.wait(30)

        fake = self.platform(SendMessage=send)
        reply = self.client(fake).messages.send_message(text="x")
        self.assertTrue(next(reply).event.HasField("started"))
        reply.close()  # type: ignore[attr-defined]
        self.assertTrue(left.wait(30))
