// Who we are to the service: the one place that knows credentials. A key lives in sessionStorage alone: it ends with the tab.

import { h } from "./dom.js";

const NAME = "radiolucent.key";
let asking = null;

export function signedIn() {
  return Boolean(sessionStorage.getItem(NAME));
}

export function signOut() {
  sessionStorage.removeItem(NAME);
  location.reload();
}

// Headers for every request. Without a key the browser's own means decide: a cookie of this origin, or a server that asks nobody.
export function credentials() {
  const key = sessionStorage.getItem(NAME);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

// Asks once, however many requests were refused meanwhile; true if there is something new to try.
export function signIn(reason) {
  asking ??= dialog(reason).finally(() => {
    asking = null;
  });
  return asking;
}

function dialog(reason) {
  return new Promise((resolve) => {
    const field = h("input", { type: "password", id: "key", autocomplete: "off", required: true, spellcheck: "false" });
    const box = h(
      "dialog",
      { class: "dialog narrow", "aria-labelledby": "sign-in" },
      h("h2", { id: "sign-in" }, "Sign in"),
      h("p", {}, reason || "This archive answers only those it knows."),
      h(
        "form",
        {
          onsubmit: (event) => {
            event.preventDefault();
            sessionStorage.setItem(NAME, field.value.trim());
            box.close("key");
          },
        },
        h("label", { for: "key" }, "API key"),
        field,
        h("p", { class: "muted small" }, "It is kept for this tab alone, and forgotten when you close it."),
        h(
          "div",
          { class: "buttons" },
          h("button", { type: "button", onclick: () => box.close() }, "Cancel"),
          h("button", { class: "primary" }, "Sign in"),
        ),
      ),
    );
    box.addEventListener("close", () => {
      box.remove();
      resolve(box.returnValue === "key");
    });
    document.body.append(box);
    box.showModal();
  });
}
