// The service as any client sees it: DICOMweb resources below its base URL, and the operational ones at the server's root.

import { h } from "./dom.js";
import { signIn } from "./session.js";

const told = (name) => document.querySelector(`meta[name=${name}]`).content;

export const ROOT = new URL("./", document.baseURI.split("#")[0]).href;
export const SERVICE = new URL(told("service"), ROOT).href.replace(/\/$/, "");
export const OHIF = told("ohif") && new URL(told("ohif"), ROOT).href;
const FILES = new URL(told("files") + "/", ROOT).href;

export class Refusal extends Error {
  constructor(status, sentence, requestId, headers) {
    super(sentence);
    Object.assign(this, { status, requestId, headers });
  }
}

// A request that knows who we are; whoever is refused may sign in, once. Throws a Refusal with the server's own sentence.
export async function send(url, options = {}) {
  for (let attempt = 0; ; attempt += 1) {
    const answer = await fetch(url, options);
    if (answer.ok) return answer;
    const refused = await refusal(answer);
    if (answer.status !== 401 || attempt || !(await signIn(refused.message))) throw refused;
  }
}

async function refusal(answer) {
  let document = {};
  try {
    document = await answer.json();
  } catch {
    // not a problem document: a proxy's page, or nothing
  }
  const sentence = document.detail || document.title || `The server answered ${answer.status}`;
  return new Refusal(answer.status, sentence, document.request_id || answer.headers.get("x-request-id"), answer.headers);
}

export async function json(path, options = {}) {
  const answer = await send(SERVICE + path, { ...options, headers: { Accept: "application/dicom+json, application/json" } });
  return answer.json();
}

// One page of a search: the matches, how many there are in all, and the cursor of the next page.
export async function search(path, query, options = {}) {
  const answer = await send(`${SERVICE}${path}?${new URLSearchParams(query)}`, {
    ...options,
    headers: { Accept: "application/dicom+json" },
  });
  const link = /<([^>]*)>;\s*rel="?next"?/.exec(answer.headers.get("link") || "");
  const total = answer.headers.get("x-total-count");
  return {
    matches: await answer.json(),
    total: total === null ? null : Number(total),
    cursor: link ? new URL(link[1]).searchParams.get("cursor") : null,
  };
}

// Every match, page after page.
export async function everything(path, query, options) {
  const found = [];
  for (let cursor = null; ; ) {
    const page = await search(path, cursor ? { ...query, cursor } : query, options);
    found.push(...page.matches);
    cursor = page.cursor;
    if (!cursor) return found;
  }
}

let tables = null;

// Keywords by tag and names by UID: { keywords, classes, syntaxes }.
export function dictionary() {
  tables ??= fetch(FILES + "dictionary.json").then((answer) => answer.json());
  return tables;
}

// To a file of the user's: the browser streams it to the disk.
export function save(url) {
  h("a", { href: url, download: "" }).click();
}

export const places = {
  study: (study) => `/studies/${encodeURIComponent(study)}`,
  series: (study, series) => `${places.study(study)}/series/${encodeURIComponent(series)}`,
  instance: (study, series, instance) => `${places.series(study, series)}/instances/${encodeURIComponent(instance)}`,
};
