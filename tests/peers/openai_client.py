"""The openai SDK, as a program would use it: what it gets, one line each."""
import io

import openai

client = openai.OpenAI(max_retries=1)
ASK = {"messages": [{"role": "user", "content": "hello"}]}
print("answer", client.chat.completions.create(model="mock", **ASK).choices[0].message.content)
parts = list(client.chat.completions.create(model="mock", stream=True,
                                            stream_options={"include_usage": True}, **ASK))
print("stream", "".join(p.choices[0].delta.content or "" for p in parts if p.choices))
print("usage", parts[-1].usage.total_tokens)
print("embedding", client.embeddings.create(model="mock", input=["a", "b"]).data[1].embedding)
print("models", [m.id for m in client.models.list()])
sound = io.BytesIO(b"\x07" * 300000)
sound.name = "a.wav"
print("upload", client.audio.transcriptions.create(model="mock", file=sound).text)
for model in ("401", "429", "500"):
    try:
        client.chat.completions.create(model=model, **ASK)
        print(model, "nothing was raised")
    except openai.APIStatusError as e:
        print(model, e.status_code, type(e).__name__, e.request_id)
try:
    for _ in client.chat.completions.create(model="cut", stream=True, **ASK):
        pass
    print("cut", "ended cleanly")
except Exception as e:
    print("cut", "raised")
