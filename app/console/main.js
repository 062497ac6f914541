// The frame of the console: which page the address names, and what stands round it. Addresses lie behind the `#`, which browsers keep to
// themselves: names that people search for reach neither logs nor proxies in a URL of a page.

import { OHIF } from "./api.js";
import { fill, h, icon } from "./dom.js";
import { signIn, signOut, whoAmI } from "./session.js";
import "./study.js";
import "./system.js";
import "./upload.js";
import "./worklist.js";

const PAGES = [
  { path: /^\/$/, element: "rl-worklist", title: "Studies", link: "#/" },
  { path: /^\/studies\/([0-9.]+)$/, element: "rl-study", title: "Study", names: ["study"] },
  { path: /^\/upload$/, element: "rl-upload", title: "Upload", link: "#/upload" },
  { path: /^\/system$/, element: "rl-system", title: "System", link: "#/system" },
];

function address() {
  const [path, query = ""] = (location.hash.slice(1) || "/").split("?");
  return { path, query: new URLSearchParams(query) };
}

let shown = null;

function show() {
  const { path, query } = address();
  const page = PAGES.find((candidate) => candidate.path.test(path));
  const main = document.getElementById("main");
  links(page);
  if (!page) {
    fill(main, h("h1", {}, "There is no such page"), h("p", {}, h("a", { href: "#/" }, "To the studies")));
    shown = null;
    return;
  }
  const found = page.path.exec(path);
  (page.names ?? []).forEach((name, at) => query.set(name, found[at + 1]));
  if (shown?.localName !== page.element) {
    shown = document.createElement(page.element);
    document.title = `${page.title} · Radiolucent`;
    shown.setAddress(query);
    fill(main, shown);
    if (started) main.focus({ preventScroll: true });
    scrollTo(0, 0);
  } else {
    shown.setAddress(query);
  }
}

function links(current) {
  fill(
    document.querySelector(".bar nav"),
    PAGES.filter((page) => page.link).map((page) =>
      h("a", { href: page.link, "aria-current": page === current ? "page" : null }, page.title),
    ),
  );
}

const THEME = "radiolucent.theme";

function theme(chosen) {
  if (chosen) document.documentElement.dataset.theme = chosen;
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const other = dark ? "light" : "dark";
  fill(
    document.querySelector(".bar-end"),
    OHIF && h("a", { href: OHIF, class: "quiet" }, "OHIF", icon("open")),
    h(
      "button",
      {
        class: "quiet round",
        "aria-label": `To the ${other} colours`,
        title: `To the ${other} colours`,
        onclick: () => {
          localStorage.setItem(THEME, other);
          theme(other);
        },
      },
      icon(dark ? "sun" : "moon"),
    ),
    h("span", { class: "who" }),
  );
  who();
}

// Whom the server takes us for, if it asks at all.
async function who() {
  const caller = await whoAmI();
  if (!caller || caller.kind === "local") return;
  const name = caller.subject.length > 24 ? `${caller.subject.slice(0, 23)}…` : caller.subject;
  fill(
    document.querySelector(".who"),
    h("span", { class: "muted small", title: `${caller.subject} ${caller.issuer ?? ""}` }, name),
    h("button", { class: "quiet round", "aria-label": "Sign out", title: "Sign out", onclick: signOut }, icon("out")),
  );
}

// Whoever was sent here to sign in, by the viewer perhaps, goes back to where he was: a path of this server, and no other place.
async function back() {
  const place = new URLSearchParams(location.search).get("return");
  if (!place || !new URL(place, location.href).href.startsWith(`${location.origin}/`)) return false;
  if (!(await whoAmI()) && !(await signIn())) return false;
  location.replace(new URL(place, location.href).href);
  return true;
}

let started = false;
addEventListener("hashchange", show);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the part behind the # is taken
  document.getElementById("main").focus();
});
theme(localStorage.getItem(THEME));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => theme(localStorage.getItem(THEME)));
addEventListener("signed-in", who);
if (!(await back())) show();
started = true;
