// The session: sign-in, boot calls, websocket, two turns, and the report at the end.
import { Answer } from "./delta.js";
import { flags, get, post, signIn } from "./net.js";
import { done, fail, newTurn, seen } from "./report.js";
import { NETWORK_ERROR, PREPARING_ERROR } from "./runtime.js";
import { events } from "./stream.js";
import { Updates } from "./updates.js";

const updates = new Updates();
seen.booted = true;

async function boot() {
  await signIn();
  const calls = [
    get("/backend-api/me"),
    get("/backend-api/models?history_and_training_disabled=false"),
    get("/backend-api/settings/user"),
    get("/backend-api/conversations?offset=0&limit=28&order=updated"),
    post("/backend-api/conversation/init", { conversation_id: null }),
  ];
  // None of these is needed for the first answer; the page goes on without them.
  const optional = [
    flags(),
    post("/ces/v1/t", { event: "page_load" }),
    fetch("/cdn-cgi/trace"),
    updates.open(),
  ];
  await Promise.all(calls);
  await Promise.allSettled(optional);
}

async function integrity() {
  const path = "/backend-api/sentinel/chat-requirements";
  const challenge = await (await post(`${path}/prepare`, {})).json();
  const proof = window.SentinelSDK.prove(challenge.proofofwork);
  const answer = await (await post(`${path}/finalize`, {
    prepare_token: challenge.prepare_token, proofofwork: proof,
  })).json();
  return answer.token;
}

async function turn(composer, prompt) {
  composer.say("user", prompt);
  const shown = composer.say("assistant", "");
  const sentinel = await integrity();
  const prepared = await (await post("/backend-api/f/conversation/prepare", {})).json();
  post("/backend-api/sentinel/ping", {}).catch(() => {});
  const response = await post("/backend-api/f/conversation", {
    action: "next", messages: [{ author: { role: "user" }, content: { parts: [prompt] } }],
  }, {
    accept: "text/event-stream",
    "x-conduit-token": prepared.conduit_token,
    "openai-sentinel-chat-requirements-token": sentinel,
  });
  const answer = new Answer();
  const record = newTurn("sse");
  const take = (frame) => {
    record.events += 1;
    answer.take(frame);
    record.text = shown.textContent = answer.text;
    record.complete = answer.complete;
  };
  for await (const { frame, arrived } of events(response)) {
    if (seen.turns.length === 1) seen.sse_arrivals_ms.push(arrived);
    take(frame);
  }
  if (answer.handOff) {
    record.transport = "websocket";
    await updates.follow(answer.handOff, take);
  }
  if (!answer.complete) throw new Error("the answer ended early");
  return shown;
}

async function main() {
  let sentence = NETWORK_ERROR;
  try {
    await boot();
    sentence = PREPARING_ERROR;
    const composer = await import("./composer.js");
    composer.mount();
    sentence = NETWORK_ERROR;
    const first = await turn(composer, "Say something.");
    const { render } = await import("./markdown.js");
    render(first);
    render(await turn(composer, "Think about it, then say more."));
    seen.ok = true;
  } catch (error) {
    seen.cause = String(error);
    fail(sentence);
  }
  updates.close();
  done();
}

main();
