// The SDK of anthropic for JavaScript, as a program would use it: what it gets, one line each.
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ maxRetries: 1 });
const ask = (model) => ({ model, max_tokens: 50, messages: [{ role: "user", content: "hello" }] });

console.log("answer", (await client.messages.create(ask("mock"))).content[0].text);
const whole = await client.messages.stream(ask("mock")).finalMessage();
console.log("stream", whole.content[0].text);
console.log("usage", whole.usage.output_tokens);
for (const model of ["401", "429", "529"]) {
  try {
    await client.messages.create(ask(model));
    console.log(model, "nothing was raised");
  } catch (e) {
    console.log(model, e.status, e.constructor.name, e.requestID);
  }
}
try {
  await client.messages.stream(ask("cut")).finalMessage();
  console.log("cut", "ended cleanly");
} catch {
  console.log("cut", "raised");
}
