"""Python grpcio against the gateway: unary calls, streams, errors with details, deadlines, cancellation."""

import argparse
import importlib
import pathlib
import sys
import tempfile
import uuid

import grpc
from grpc_tools import protoc

from checks import Checks

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROTO = ROOT / "proto"
CARD = ROOT / "examples" / "cards" / "maren.png"


def compile_contracts(out, descriptor_set):
    """Generates the Python modules of all contracts, and their descriptors where asked to."""
    well_known = pathlib.Path(protoc.__file__).parent / "_proto"
    files = sorted(PROTO.glob("troupe/**/*.proto")) + sorted(PROTO.glob("third_party/**/*.proto"))
    names = [str(f.relative_to(PROTO / "third_party" if "third_party" in f.parts else PROTO)) for f in files]
    command = ["protoc", f"-I{PROTO}", f"-I{PROTO / 'third_party'}", f"-I{well_known}"]
    if descriptor_set:
        command += ["--include_imports", f"--descriptor_set_out={descriptor_set}"]
    if protoc.main(command + [f"--python_out={out}", f"--grpc_python_out={out}"] + names) != 0:
        sys.exit("the contracts don't compile")
    sys.path.insert(0, out)


def refused(call, code):
    """Makes a call that must fail with `code`, and gives the error."""
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, f"{error.code()}: {error.details()}"
        return error
    raise AssertionError(f"the call succeeded instead of failing with {code}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("address", help="host:port of the gateway")
    arguments.add_argument("--descriptor-set", help="file to write the descriptors to")
    options = arguments.parse_args()
    generated = tempfile.TemporaryDirectory()
    compile_contracts(generated.name, options.descriptor_set)

    def module(name):
        return importlib.import_module(name)

    auth = module("troupe.users.v1.auth_service_pb2")
    user = module("troupe.users.v1.user_service_pb2")
    characters = module("troupe.roleplay.v1.character_service_pb2")
    sessions = module("troupe.roleplay.v1.session_service_pb2")
    generations = module("troupe.roleplay.v1.generation_service_pb2")
    messages = module("troupe.roleplay.v1.message_service_pb2")
    httpbody = module("google.api.httpbody_pb2")
    status_pb = module("google.rpc.status_pb2")
    details_pb = module("google.rpc.error_details_pb2")

    channel = grpc.insecure_channel(options.address)
    auth_stub = module("troupe.users.v1.auth_service_pb2_grpc").AuthServiceStub(channel)
    user_stub = module("troupe.users.v1.user_service_pb2_grpc").UserServiceStub(channel)
    character_stub = module("troupe.roleplay.v1.character_service_pb2_grpc").CharacterServiceStub(channel)
    session_stub = module("troupe.roleplay.v1.session_service_pb2_grpc").SessionServiceStub(channel)
    message_stub = module("troupe.roleplay.v1.message_service_pb2_grpc").MessageServiceStub(channel)
    generation_stub = module("troupe.roleplay.v1.generation_service_pb2_grpc").GenerationServiceStub(channel)

    check = Checks()
    email, password = f"grpc-{uuid.uuid4().hex}@example.com", uuid.uuid4().hex
    state = {}

    def bearer():
        return (("authorization", f"Bearer {state['token']}"),)

    def details_of(error, kind):
        trailers = dict(error.trailing_metadata())
        status = status_pb.Status.FromString(trailers["grpc-status-details-bin"])
        for detail in status.details:
            found = kind()
            if detail.Unpack(found):
                return found
        raise AssertionError(f"no {kind.__name__} in {status}")

    def signs_up_and_in():
        auth_stub.Register(auth.RegisterRequest(email=email, password=password, display_name="Gwen"), timeout=30)
        answer, call = auth_stub.Login.with_call(auth.LoginRequest(email=email, password=password), timeout=30)
        state["token"] = answer.tokens.access_token
        assert state["token"]
        assert dict(call.initial_metadata())["x-request-id"]

    def is_refused_without_a_token():
        error = refused(lambda: user_stub.GetProfile(user.GetProfileRequest()), grpc.StatusCode.UNAUTHENTICATED)
        assert details_of(error, details_pb.ErrorInfo).reason == "TOKEN_MISSING"

    def reads_its_profile():
        answer = user_stub.GetProfile(user.GetProfileRequest(), metadata=bearer())
        assert "Gwen" in str(answer)

    def is_told_which_field_is_wrong():
        request = auth.RegisterRequest(email="nobody", password="x", display_name="")
        error = refused(lambda: auth_stub.Register(request), grpc.StatusCode.INVALID_ARGUMENT)
        fields = {it.field for it in details_of(error, details_pb.BadRequest).field_violations}
        assert "email" in fields, fields

    def finds_no_method_of_services():
        error = refused(
            lambda: next(auth_stub.WatchAccess(auth.WatchAccessRequest(), metadata=bearer())),
            grpc.StatusCode.UNIMPLEMENTED,
        )
        assert error.details()

    def gives_up_at_its_deadline():
        request = sessions.ListSessionsRequest()
        refused(
            lambda: session_stub.ListSessions(request, metadata=bearer(), timeout=0.000001),
            grpc.StatusCode.DEADLINE_EXCEEDED,
        )

    def imports_a_card_and_opens_a_session():
        file = httpbody.HttpBody(content_type="image/png", data=CARD.read_bytes())
        answer = character_stub.ImportCharacter(
            characters.ImportCharacterRequest(file=file), metadata=bearer(), timeout=30
        )
        opened = session_stub.CreateSession(
            sessions.CreateSessionRequest(session={"character_id": answer.character.id}), metadata=bearer(), timeout=30
        )
        state["session"] = opened.session.id
        assert opened.greeting.text

    def follows_a_reply_to_its_end():
        request = messages.SendMessageRequest(session_id=state["session"], text="Hello! Who are you?")
        text, kinds = "", []
        for answer in message_stub.SendMessage(request, metadata=bearer(), timeout=120):
            kind = answer.event.WhichOneof("event")
            kinds.append(kind)
            if kind == "started":
                state["generation"] = answer.event.started.generation.id
            elif kind == "delta":
                assert answer.event.delta.offset == len(text.encode()), answer
                text += answer.event.delta.text
            elif kind == "ended":
                assert answer.event.ended.message.text.strip() == text.strip(), (answer, text)
        assert kinds[0] == "started" and kinds[-1] == "ended" and "delta" in kinds, kinds
        state["text"] = text

    def watches_again_from_the_start():
        request = generations.WatchGenerationRequest(generation_id=state["generation"])
        answers = generation_stub.WatchGeneration(request, metadata=bearer(), timeout=60)
        text = "".join(it.event.delta.text for it in answers if it.event.WhichOneof("event") == "delta")
        assert text == state["text"], (text, state["text"])

    def leaves_a_stream_early():
        request = messages.SendMessageRequest(session_id=state["session"], text="Tell me more.")
        answers = message_stub.SendMessage(request, metadata=bearer(), timeout=120)
        started = next(answers).event.started
        answers.cancel()
        done = generations.CancelGenerationRequest(generation_id=started.generation.id)
        generation_stub.CancelGeneration(done, metadata=bearer(), timeout=30)

    check("grpcio signs up and in", signs_up_and_in)
    check("grpcio is refused without a token", is_refused_without_a_token)
    check("grpcio reads its profile", reads_its_profile)
    check("grpcio is told which field is wrong", is_told_which_field_is_wrong)
    check("grpcio finds no method of services", finds_no_method_of_services)
    check("grpcio gives up at its deadline", gives_up_at_its_deadline)
    check("grpcio imports a card and opens a session", imports_a_card_and_opens_a_session)
    check("grpcio follows a reply to its end", follows_a_reply_to_its_end)
    check("grpcio watches again from the start", watches_again_from_the_start)
    check("grpcio leaves a stream early", leaves_a_stream_early)
    return check.finish()


if __name__ == "__main__":
    sys.exit(main())
