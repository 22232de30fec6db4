"""The anthropic SDK, as a program would use it: what it gets, one line each."""
import anthropic

client = anthropic.Anthropic(max_retries=1)


def ask(model):
    return client.messages.create(model=model, max_tokens=50,
                                  messages=[{"role": "user", "content": "hello"}])


print("answer", ask("mock").content[0].text)
with client.messages.stream(model="mock", max_tokens=50,
                            messages=[{"role": "user", "content": "hello"}]) as stream:
    print("stream", "".join(stream.text_stream))
    print("usage", stream.get_final_message().usage.output_tokens)
for model in ("401", "429", "529"):
    try:
        ask(model)
        print(model, "nothing was raised")
    except anthropic.APIStatusError as e:
        print(model, e.status_code, type(e).__name__, e.request_id)
try:
    with client.messages.stream(model="cut", max_tokens=50,
                                messages=[{"role": "user", "content": "hello"}]) as stream:
        for _ in stream.text_stream:
            pass
    print("cut", "ended cleanly")
except Exception as e:
    print("cut", "raised")
