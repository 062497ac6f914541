// Files on their way into the archive: a few requests at a time, small files together, each with what became of it. It outlives the page
// that shows it, can be stopped and goes on where it was; what was stored is never sent again.

import { SERVICE } from "./api.js";
import { alone, bodyOf, instanceUid } from "./dicom-file.js";
import { outcomes, zipOutcome } from "./store-report.js";
import { signIn } from "./session.js";

const PARALLEL = 4;
const BATCH_FILES = 50;
const BATCH_BYTES = 16e6;
const TRIES = 6;
const RATE_SECONDS = 6;
const BREATH = 30; // milliseconds

export const STATES = ["waiting", "sending", "stored", "warned", "refused"];

class Uploads {
  entries = [];
  counts = Object.fromEntries(STATES.map((state) => [state, 0]));
  total = 0;
  done = 0;
  running = false;
  halted = false;
  version = 0;
  first = 0; // before it nothing waits
  under = new Set();
  samples = [];
  pause = 0;

  // In breaths: the size of a file is asked of the disk, while nothing else can happen on the page.
  async add(files) {
    this.halted = false;
    let breath = performance.now();
    for (const { file, path } of files) {
      this.entries.push({ file, path, size: file.size, state: "waiting", reason: "", study: "", tries: 0, single: false });
      this.total += file.size;
      this.counts.waiting += 1;
      if (performance.now() - breath < BREATH) continue;
      if (!this.halted) this.start();
      await new Promise((resolve) => setTimeout(resolve));
      breath = performance.now();
    }
    if (!this.halted) this.start();
  }

  start() {
    this.halted = false;
    if (!this.counts.waiting) return;
    this.running = true;
    this.samples = [];
    this.version += 1;
    while (this.under.size < PARALLEL && this.counts.waiting) {
      const request = { loaded: 0, xhr: null, entries: [] };
      this.under.add(request);
      this.work(request);
    }
  }

  // Ends what is under way; it waits again.
  stop() {
    this.halted = true;
    this.running = false;
    this.version += 1;
    for (const request of this.under) request.xhr?.abort();
  }

  again() {
    for (const entry of this.entries) if (entry.state === "refused") Object.assign(entry, { tries: 0, reason: "" }), this.set(entry, "waiting");
    this.start();
  }

  clear() {
    this.entries = this.entries.filter((entry) => entry.state === "waiting" || entry.state === "sending");
    this.total = this.entries.reduce((sum, entry) => sum + entry.size, 0);
    for (const state of ["stored", "warned", "refused"]) this.counts[state] = 0;
    this.done = this.first = 0;
    this.version += 1;
  }

  set(entry, state, reason = "", study = "") {
    const ended = (which) => which !== "waiting" && which !== "sending";
    if (ended(entry.state) !== ended(state)) this.done += ended(state) ? entry.size : -entry.size;
    this.counts[entry.state] -= 1;
    this.counts[state] += 1;
    Object.assign(entry, { state, reason, study: study || entry.study });
    if (state === "waiting") this.first = 0;
    this.version += 1;
  }

  async work(request) {
    while (this.running) {
      const wait = this.pause - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(wait, 500)));
      else if (!(await this.next(request))) break;
    }
    this.under.delete(request);
    if (!this.under.size) this.running = false;
    this.version += 1;
  }

  // Takes the next files and sends them in one request; false if nothing waits.
  async next(request) {
    const batch = [];
    let size = 0;
    for (let at = this.first; at < this.entries.length && batch.length < BATCH_FILES; at += 1) {
      const entry = this.entries[at];
      if (entry.state !== "waiting") {
        if (!batch.length) this.first = at + 1;
        continue;
      }
      const single = entry.single || alone(entry.file);
      if (batch.length && (single || size + entry.size > BATCH_BYTES)) break;
      batch.push(entry);
      size += entry.size;
      this.set(entry, "sending");
      if (single) break;
    }
    if (!batch.length) return false;
    const uids = await Promise.all(batch.map((entry) => instanceUid(entry.file)));
    const known = new Map();
    batch.forEach((entry, at) => {
      // What cannot be told from others in the answer goes by itself.
      if (batch.length > 1 && (!uids[at] || known.has(uids[at]))) {
        entry.single = true;
        this.set(entry, "waiting");
      } else {
        known.set(uids[at] ?? "", entry);
      }
    });
    if (known.size) await this.send(request, known);
    return true;
  }

  async send(request, known) {
    const entries = [...known.values()];
    const { status, text, headers } = await this.post(request, entries.map((entry) => entry.file));
    request.loaded = 0;
    if (status === "stopped") return this.back(entries, false);
    if (status === 401 && (await signIn())) return this.back(entries, false);
    if (status === 413 && entries.length > 1) {
      for (const entry of entries) entry.single = true;
      return this.back(entries, false);
    }
    if ((status === 0 || status === 503 || status === 429) && entries.every((entry) => entry.tries < TRIES)) {
      this.pause = performance.now() + 1000 * Math.min(30, Number(headers("Retry-After")) || 2 ** entries[0].tries);
      return this.back(entries, true);
    }
    let answer = {};
    try {
      answer = JSON.parse(text);
    } catch {
      // told by its status alone
    }
    if (status === 200 || status === 202 || status === 409) {
      const single = entries.length === 1 && alone(entries[0].file);
      const found = single ? [zipOutcome(answer)] : outcomes(answer, [...known.keys()]);
      entries.forEach((entry, at) => this.set(entry, found[at].state, found[at].reason, found[at].study));
    } else {
      const reason = answer.detail || (status ? `The server answered ${status}` : "The server cannot be reached");
      for (const entry of entries) this.set(entry, "refused", reason);
    }
  }

  back(entries, tried) {
    for (const entry of entries) {
      if (entry.state === "sending") this.set(entry, "waiting");
      if (tried) entry.tries += 1;
    }
  }

  post(request, files) {
    const { body, type } = bodyOf(files);
    return new Promise((resolve) => {
      const xhr = (request.xhr = new XMLHttpRequest());
      const end = (status) => resolve({ status, text: xhr.responseText, headers: (name) => (xhr.status ? xhr.getResponseHeader(name) : null) });
      xhr.open("POST", `${SERVICE}/studies`);
      for (const [name, value] of Object.entries({ Accept: "application/dicom+json", "Content-Type": type })) {
        xhr.setRequestHeader(name, value);
      }
      xhr.upload.onprogress = (event) => {
        request.loaded = event.loaded;
      };
      xhr.onload = () => end(xhr.status);
      xhr.onerror = () => end(0);
      xhr.onabort = () => end("stopped");
      xhr.send(body);
    });
  }

  // Bytes that are through, bytes a second of late, and seconds that remain (null if that cannot be said).
  progress() {
    const now = performance.now() / 1000;
    const sent = this.done + [...this.under].reduce((sum, request) => sum + request.loaded, 0);
    this.samples.push([now, sent]);
    while (this.samples.length > 2 && now - this.samples[0][0] > RATE_SECONDS) this.samples.shift();
    const [then, before] = this.samples[0];
    const rate = now - then > 0.5 ? Math.max(0, sent - before) / (now - then) : 0;
    return { sent: Math.min(sent, this.total), rate, remaining: rate ? Math.max(0, this.total - sent) / rate : null };
  }
}

export const uploads = new Uploads();

addEventListener("beforeunload", (event) => {
  if (uploads.running) event.preventDefault();
});
