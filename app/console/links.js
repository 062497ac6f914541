// Links to what the service gives, in a tab of their own.

import { h } from "./dom.js";

export function external(href, properties, ...children) {
  return h("a", { href, target: "_blank", rel: "noopener", ...properties }, ...children);
}
