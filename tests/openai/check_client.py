"""Does an OpenAI client from the shelf chat with the server, and is the server's description valid?

    python tests/openai/check_client.py http://127.0.0.1:8787

The server must hold the five documents of tests/data/five. Whatever is wrong ends this with a traceback.
"""

import json
import sys
import urllib.request

import openai
from openapi_spec_validator import validate

base = sys.argv[1]
client = openai.OpenAI(base_url=f"{base}/v1", api_key="none is needed", max_retries=0, timeout=60)

SYMPTOMS = "What are the symptoms of asthma?"
CHEST_PAIN = "I have crushing chest pain and my left arm hurts"


def check(condition, what):
    if not condition:
        raise AssertionError(what)


# The description, by a validator that others wrote.
with urllib.request.urlopen(f"{base}/openapi.json") as response:
    validate(json.load(response))

# Models.
models = [model.id for model in client.models.list()]
check(models == ["clinqa"], models)
check(client.models.retrieve("clinqa").owned_by == "clinqa", "a model is described")

# Whole.
messages = [{"role": "system", "content": "You are terse."}, {"role": "user", "content": SYMPTOMS}]
whole = client.chat.completions.create(model="clinqa", messages=messages, temperature=0, max_tokens=64, seed=1, user="u")
said = whole.choices[0].message.content
check(whole.object == "chat.completion" and whole.choices[0].finish_reason == "stop", whole)
check(whole.choices[0].message.role == "assistant" and "wheez" in said and "Source: Asthma" in said, said)
check(whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 0, whole.usage)
check(whole.clinqa["outcome"] == "answered", whole.clinqa)
check(whole.clinqa["answer"]["text"] in said, "the answer stands in what is said, word for word")

# Streamed.
chunks = list(
    client.chat.completions.create(
        model="clinqa", messages=messages, stream=True, stream_options={"include_usage": True}
    )
)
pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
check("".join(pieces) == said, pieces)
check(chunks[-1].usage == whole.usage and not chunks[-1].choices, chunks[-1])
finished = [chunk for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason == "stop"]
check(len(finished) == 1 and finished[0].clinqa["outcome"] == "answered", finished)

# By the client's own reader of streams, which keeps the state of the message by itself.
with client.chat.completions.stream(model="clinqa", messages=messages) as stream:
    for _ in stream:
        pass
    check(stream.get_final_completion().choices[0].message.content == said, "the pieces make the same message")

# An emergency: the notice comes first.
extra = {"clinqa": {"region": "GB"}}
urgent = list(
    client.chat.completions.create(
        model="clinqa", messages=[{"role": "user", "content": CHEST_PAIN}], stream=True, extra_body=extra
    )
)
first = next(chunk.choices[0].delta.content for chunk in urgent if chunk.choices and chunk.choices[0].delta.content)
check("999" in first, first)

# More than one turn: the client sends what was said before.
talk = [{"role": "user", "content": "How is asthma treated?"}]
answer = client.chat.completions.create(model="clinqa", messages=talk)
talk.append(answer.choices[0].message)
for follow_up in ["and in children?", "how long does it last?"]:
    talk.append({"role": "user", "content": [{"type": "text", "text": follow_up}]})
    answer = client.chat.completions.create(model="clinqa", messages=talk)
    sources = (answer.clinqa.get("answer") or {}).get("citations", []) + answer.clinqa["reading"]
    check(sources[0]["document_id"] == "asthma", (follow_up, sources[0]))
    talk.append({"role": "assistant", "content": answer.choices[0].message.content})


# Errors arrive as the exceptions that the client has for them.
def refused(expected, param, **changed):
    request = {"model": "clinqa", "messages": [{"role": "user", "content": SYMPTOMS}]} | changed
    try:
        client.chat.completions.create(**request)
    except expected as error:
        check(error.param == param and error.type == "invalid_request_error" and error.code, error.body)
        return
    raise AssertionError(f"{changed} was not refused")


tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
picture = [{"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/"}}]
refused(openai.BadRequestError, "tools", tools=[tool])
refused(openai.BadRequestError, "n", n=2)
refused(openai.BadRequestError, "messages", messages=[])
refused(
    openai.BadRequestError, "messages[0].content[0].type", messages=[{"role": "user", "content": picture}], stream=True
)
refused(openai.UnprocessableEntityError, "question", messages=[{"role": "user", "content": "?"}])
refused(openai.UnprocessableEntityError, "question", messages=[{"role": "user", "content": "x" * 3000}])
try:
    client.models.retrieve("gpt-4o")
    raise AssertionError("there is no such model")
except openai.NotFoundError:
    pass

print(f"openai {openai.__version__}: all is well")
