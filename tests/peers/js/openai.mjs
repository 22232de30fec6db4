// The SDK of openai for JavaScript, as a program would use it: what it gets, one line each.
import OpenAI from "openai";

const client = new OpenAI({ maxRetries: 1 });
const ask = (model, more) => ({ model, messages: [{ role: "user", content: "hello" }], ...more });

const answer = await client.chat.completions.create(ask("mock"));
console.log("answer", answer.choices[0].message.content);
let text = "", usage = 0;
for await (const part of await client.chat.completions.create(
  ask("mock", { stream: true, stream_options: { include_usage: true } }))) {
  text += part.choices[0]?.delta?.content ?? "";
  usage = part.usage?.total_tokens ?? usage;
}
console.log("stream", text);
console.log("usage", usage);
const vectors = await client.embeddings.create({ model: "mock", input: ["a", "b"] });
console.log("embedding", JSON.stringify(vectors.data[1].embedding));
const file = new File([new Uint8Array(300000).fill(7)], "a.wav");
console.log("upload", (await client.audio.transcriptions.create({ model: "mock", file })).text);
for (const model of ["401", "429", "500"]) {
  try {
    await client.chat.completions.create(ask(model));
    console.log(model, "nothing was raised");
  } catch (e) {
    console.log(model, e.status, e.constructor.name, e.requestID);
  }
}
try {
  for await (const _ of await client.chat.completions.create(ask("cut", { stream: true }))) {
    // only its end matters
  }
  console.log("cut", "ended cleanly");
} catch {
  console.log("cut", "raised");
}
