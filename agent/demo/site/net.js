// Calls to the service, with the headers that the web client sends.
import { bootstrap } from "./runtime.js";

const deviceId = crypto.randomUUID();
let token = null;

function headers(extra) {
  return {
    "oai-device-id": deviceId,
    "oai-language": "en-US",
    "oai-client-version": bootstrap.build,
    "oai-client-build-number": bootstrap.number,
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    ...extra,
  };
}

async function checked(response) {
  if (!response.ok) throw new Error(`${response.status} from ${response.url}`);
  return response;
}

export async function get(path) {
  return (await checked(await fetch(path, { headers: headers() }))).json();
}

export async function post(path, body, extra = {}) {
  return checked(await fetch(path, {
    method: "POST",
    headers: headers({ "content-type": "application/json", ...extra }),
    body: JSON.stringify(body),
  }));
}

export async function signIn() {
  token = (await get("/api/auth/session")).accessToken;
}

export async function flags() {
  const response = await fetch(`${bootstrap.ab}/v1/initialize`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ statsigMetadata: { sdkType: "javascript-client" } }),
  });
  return (await checked(response)).json();
}
