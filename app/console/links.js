// Links to what the service gives, in a tab of their own. With a key they are fetched, since a link sends none.

import { picture } from "./api.js";
import { h } from "./dom.js";
import { signedIn } from "./session.js";

const OPEN_FOR = 60_000; // milliseconds that the new tab has for reading it

async function visit(event) {
  if (!signedIn()) return;
  event.preventDefault();
  const made = await picture(event.currentTarget.href);
  window.open(made.src, "_blank", "noopener");
  setTimeout(made.release, OPEN_FOR);
}

export function external(href, properties, ...children) {
  return h("a", { href, target: "_blank", rel: "noopener", onclick: visit, ...properties }, ...children);
}
