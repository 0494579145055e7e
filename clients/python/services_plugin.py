"""A plugin of protoc: writes typed classes for the services, blocking and asynchronous, and the reasons of refusals.

`cargo xtask generate` runs it. What the classes do beside naming methods and fields is in `troupe_client`.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from google.protobuf.compiler import plugin_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
)

HEAD = '"""{} Generated from the contracts: don\'t edit."""\n\n'
REASONS = "troupe.errors.v1.Reason"

Field = FieldDescriptorProto
SCALARS = {
    Field.TYPE_STRING: ("str", '""'),
    Field.TYPE_BYTES: ("bytes", 'b""'),
    Field.TYPE_BOOL: ("bool", "False"),
    Field.TYPE_FLOAT: ("float", "0.0"),
    Field.TYPE_DOUBLE: ("float", "0.0"),
}
WHOLE_NUMBER = ("int", "0")


@dataclass(frozen=True)
class Style:
    """How a service is called: blocking, or asynchronously."""

    file: str
    summary: str
    suffix: str
    caller: str
    define: str
    wait: str
    iterator: str


BLOCKING = Style("troupe/services.py", "The services, blocking.", "", "Caller", "def", "", "Iterator")
ASYNCHRONOUS = Style(
    "troupe/async_services.py",
    "The services, for asyncio.",
    "Async",
    "AsyncCaller",
    "async def",
    "await ",
    "AsyncIterator",
)


class Contracts:
    """All files, with where each type is defined and what comments say."""

    def __init__(self, files: list[FileDescriptorProto]) -> None:
        self.files = files
        self.modules: dict[str, str] = {}
        self.messages: dict[str, DescriptorProto] = {}
        self.comments: dict[tuple[str, tuple[int, ...]], str] = {}
        self.places: dict[str, tuple[str, int]] = {}
        for file in files:
            module = file.name.removesuffix(".proto").replace("/", ".") + "_pb2"
            for index, message in enumerate(file.message_type):
                name = f".{file.package}.{message.name}"
                self.modules[name] = module
                self.messages[name] = message
                self.places[name] = (file.name, index)
            for enum in file.enum_type:
                self.modules[f".{file.package}.{enum.name}"] = module
            for location in file.source_code_info.location:
                comment = " ".join(location.leading_comments.split())
                self.comments[file.name, tuple(location.path)] = comment

    def type(self, name: str) -> str:
        """A message or an enum, as code names it."""
        return f"{self.modules[name].rpartition('.')[2]}.{name.rpartition('.')[2]}"

    def comment(self, file: str, *path: int) -> str:
        return self.comments.get((file, path), "").replace("\\", "\\\\")

    def field_comment(self, message: str, index: int) -> str:
        file, place = self.places[message]
        return self.comment(file, 4, place, 2, index)

    def imports(self, names: set[str]) -> Iterator[str]:
        modules = {self.modules[name] for name in names}
        short = [module.rpartition(".")[2] for module in modules]
        if len(set(short)) != len(short):
            sys.exit(f"two files of one name: {sorted(modules)}")
        for module in sorted(modules):
            package, _, last = module.rpartition(".")
            yield f"from {package} import {last}\n"


class Writer:
    """Writes one file of services."""

    def __init__(self, contracts: Contracts, style: Style) -> None:
        self.contracts = contracts
        self.style = style
        self.used: set[str] = set()
        self.lines: list[str] = []

    def text(self) -> str:
        """The whole file."""
        for file in self.contracts.files:
            for index, service in enumerate(file.service):
                self.service(file, index, service)
        head = [
            HEAD.format(self.style.summary),
            "from __future__ import annotations\n\n",
            f"from collections.abc import {self.style.iterator}, Iterable, Mapping\n",
            "from typing import Any\n\n",
            *self.contracts.imports(self.used),
            f"\nfrom troupe_client.calls import {self.style.caller}\n",
        ]
        return "".join(head) + "\n".join(self.lines) + "\n"

    def service(self, file, place: int, service) -> None:
        module = file.name.removesuffix(".proto").rpartition("/")[2] + "_pb2"
        self.lines += [
            "",
            "",
            f"class {self.style.suffix}{service.name}:",
            *docstring("    ", [self.contracts.comment(file.name, 6, place)]),
            "",
            f"    def __init__(self, caller: {self.style.caller}) -> None:",
            "        self._caller = caller",
            f'        self._methods = {module}.DESCRIPTOR.services_by_name["{service.name}"].methods_by_name',
        ]
        for index, method in enumerate(service.method):
            comment = self.contracts.comment(file.name, 6, place, 2, index)
            self.method(method, comment)
            self.pages(method, comment)

    def method(self, method: MethodDescriptorProto, comment: str) -> None:
        self.used |= {method.input_type, method.output_type}
        reply = self.contracts.type(method.output_type)
        arguments = self.arguments(method.input_type)
        # A stream is an iterator at once; only its items are waited for.
        define, result = self.style.define, reply
        kind, wait = "unary", self.style.wait
        if method.server_streaming:
            define, result, kind, wait = "def", f"{self.style.iterator}[{reply}]", "stream", ""
        self.lines += [
            "",
            *head(define, snake(method.name), arguments, result),
            *docstring("        ", [comment, *self.argument_comments(method.input_type)]),
            *self.request(method.input_type),
            f'        return {wait}self._caller.{kind}(self._methods["{method.name}"], request, {reply}, timeout)',
        ]

    def pages(self, method: MethodDescriptorProto, comment: str) -> None:
        """The same list over all pages, where the method lists by pages."""
        page = self.contracts.messages[method.output_type]
        items = [field for field in page.field if field.label == Field.LABEL_REPEATED]
        if not any(field.name == "next_page_token" for field in page.field) or len(items) != 1:
            return
        self.used.add(items[0].type_name)
        item = self.contracts.type(items[0].type_name)
        reply = self.contracts.type(method.output_type)
        arguments = self.arguments(method.input_type, without=("page_token",))
        name = snake(method.name).removeprefix("list_")
        pages = f'self._caller.pages(self._methods["{method.name}"], request, {reply}, timeout)'
        each = "async for" if self.style.wait else "for"
        self.lines += [
            "",
            *head(self.style.define, f"all_{name}", arguments, f"{self.style.iterator}[{item}]"),
            *docstring("        ", [f"{comment} Asks for the next page when it is needed."]),
            *self.request(method.input_type, without=("page_token",)),
            f"        {each} page in {pages}:",
            f"            for item in page.{items[0].name}:",
            "                yield item",
        ]

    def arguments(self, message: str, without: tuple[str, ...] = ()) -> list[str]:
        fields = [field for field in self.contracts.messages[message].field if field.name not in without]
        return [self.argument(field) for field in fields] + ["timeout: float | None = None"]

    def argument(self, field: FieldDescriptorProto) -> str:
        default = None
        if field.type_name:
            self.used.add(field.type_name)
            other = "str" if field.type == Field.TYPE_ENUM else "Mapping[str, Any]"
            kind = f"{self.contracts.type(field.type_name)} | {other}"
        else:
            kind, default = SCALARS.get(field.type, WHOLE_NUMBER)
        if field.label == Field.LABEL_REPEATED:
            return f"{field.name}: Iterable[{kind}] = ()"
        if default is None or field.proto3_optional:
            return f"{field.name}: {kind} | None = None"
        return f"{field.name}: {kind} = {default}"

    def argument_comments(self, message: str) -> list[str]:
        fields = self.contracts.messages[message].field
        return [f"{field.name}: {self.contracts.field_comment(message, index)}" for index, field in enumerate(fields)]

    def request(self, message: str, without: tuple[str, ...] = ()) -> list[str]:
        names = [field.name for field in self.contracts.messages[message].field if field.name not in without]
        values = "".join(f"\n            {name}={name}," for name in names)
        return [f"        request = {self.contracts.type(message)}({values}{chr(10) + '        ' if names else ''})"]


def head(define: str, name: str, arguments: list[str], result: str) -> list[str]:
    lines = [f"        {argument}," for argument in arguments]
    return [f"    {define} {name}(", "        self,", "        *,", *lines, f"    ) -> {result}:"]


def docstring(indent: str, paragraphs: list[str]) -> list[str]:
    texts = [paragraph for paragraph in paragraphs if paragraph]
    if len(texts) < 2:
        return [f'{indent}"""{text}"""' for text in texts]
    lines = [f'{indent}"""{texts[0]}', "", f"{indent}Args:"]
    return lines + [f"{indent}    {text}" for text in texts[1:]] + [f'{indent}"""']


def snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_")


def reasons(contracts: Contracts) -> str:
    """An enumeration of the reasons, as refusals spell them."""
    lines = [
        HEAD.format("Why calls are refused."),
        "from enum import Enum\n\n\n",
        "class Reason(str, Enum):\n",
        '    """A reason, equal to its name as text."""\n',
    ]
    for file in contracts.files:
        for place, enum in enumerate(file.enum_type):
            if f"{file.package}.{enum.name}" != REASONS:
                continue
            for index, value in enumerate(enum.value):
                name = value.name.removeprefix("REASON_")
                if value.number:
                    comment = contracts.comment(file.name, 5, place, 2, index)
                    lines.append(f'\n    {name} = "{name}"\n    """{comment}"""\n')
    return "".join(lines)


def main() -> None:
    request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    contracts = Contracts(list(request.proto_file))
    answer = plugin_pb2.CodeGeneratorResponse(supported_features=1)
    for style in (BLOCKING, ASYNCHRONOUS):
        answer.file.add(name=style.file, content=Writer(contracts, style).text())
    answer.file.add(name="troupe/reasons.py", content=reasons(contracts))
    answer.file.add(name="troupe/py.typed", content="")
    sys.stdout.buffer.write(answer.SerializeToString())


if __name__ == "__main__":
    main()
