// Who we are to the service. A session's cookie says so, which the browser sends by itself and no script can read: here is how one begins.

import { ROOT } from "./api.js";
import { h } from "./dom.js";

let asking = null;
let known = null;

// Who the server takes us for, and what we may: null if it does not know us. Asked once, until something changes.
export function whoAmI() {
  known ??= fetch(`${ROOT}session`).then((answer) => (answer.ok ? answer.json() : null));
  return known;
}

export async function signOut() {
  await fetch(`${ROOT}session`, { method: "DELETE" });
  location.reload();
}

// Asks once, however many requests were refused meanwhile; true if there is something new to try.
export function signIn(reason) {
  asking ??= ways()
    .then((found) => dialog(reason, found))
    .finally(() => {
      asking = null;
    });
  return asking;
}

async function ways() {
  const answer = await fetch(`${ROOT}.well-known/oauth-protected-resource`);
  return answer.ok ? answer.json() : {};
}

async function withKey(key) {
  const answer = await fetch(`${ROOT}session`, { method: "POST", headers: { Authorization: `Bearer ${key}` } });
  if (answer.ok) {
    known = null;
    dispatchEvent(new CustomEvent("signed-in"));
    return "";
  }
  const told = await answer.json().catch(() => ({}));
  return told.detail || `The server answered ${answer.status}`;
}

function away(path) {
  const place = location.pathname + location.search + location.hash;
  location.assign(`${ROOT}${path.replace(/^\//, "")}?return=${encodeURIComponent(place)}`);
}

function dialog(reason, { sign_in: path, api_keys: keys, authorization_servers: issuers = [] }) {
  return new Promise((resolve) => {
    const field = h("input", { type: "password", id: "key", autocomplete: "off", required: true, spellcheck: "false" });
    const wrong = h("p", { class: "bad", role: "alert" });
    const form = h(
      "form",
      {
        onsubmit: async (event) => {
          event.preventDefault();
          wrong.textContent = await withKey(field.value.trim());
          if (!wrong.textContent) box.close("in");
        },
      },
      h("label", { for: "key" }, "API key"),
      field,
      wrong,
      h(
        "div",
        { class: "buttons" },
        h("button", { type: "button", onclick: () => box.close() }, "Cancel"),
        h("button", { class: path ? "" : "primary" }, path ? "Sign in with the key" : "Sign in"),
      ),
    );
    const box = h(
      "dialog",
      { class: "dialog narrow", "aria-labelledby": "sign-in" },
      h("h2", { id: "sign-in" }, "Sign in"),
      h("p", {}, reason || "This archive answers only those it knows."),
      path && h("p", {}, h("button", { type: "button", class: "primary", onclick: () => away(path) }, `Sign in at ${host(issuers[0])}`)),
      keys !== false && form,
      keys === false && !path && h("p", {}, "It takes client certificates, or tokens that programs bring along: ask its administrator."),
    );
    box.addEventListener("close", () => {
      box.remove();
      resolve(box.returnValue === "in");
    });
    document.body.append(box);
    box.showModal();
  });
}

function host(issuer) {
  return issuer ? new URL(issuer).host : "the issuer";
}
