// Ask the server; what it refuses is an Error with its one line.

import { texts } from "./texts.js";

async function ask(method, path, body, kind) {
  let answer;
  try {
    answer = await fetch(path, { method, body, headers: kind ? { "Content-Type": kind } : {} });
  } catch {
    throw new Error(texts.noServer);
  }
  const isJson = (answer.headers.get("Content-Type") ?? "").startsWith("application/json");
  const value = isJson ? await answer.json() : await answer.text();
  if (!answer.ok) throw new Error(isJson ? value.error : value || answer.statusText);
  return value;
}

const withJson = (method) => (path, value) => ask(method, path, JSON.stringify(value), "application/json");

export const get = (path) => ask("GET", path);
export const remove = (path) => ask("DELETE", path);
export const post = withJson("POST");
export const put = withJson("PUT");
export const postAudio = (path, samples) => ask("POST", path, samples, "audio/l16");

// Names in paths and queries.
export const path = (strings, ...names) => String.raw({ raw: strings }, ...names.map(encodeURIComponent));
