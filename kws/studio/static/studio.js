// Show the page that the address names, #listen and so on; a page returns what closes it.

import { element } from "./dom.js";
import { texts } from "./texts.js";

const FIRST = "listen";
const main = element("main", { tabindex: "-1" });
const links = Object.entries(texts.pages).map(([name, text]) =>
  element("a", { href: `#${name}`, "data-page": name }, text));
let close = () => {};
let shown = "";

async function show() {
  const asked = location.hash.slice(1);
  const name = Object.hasOwn(texts.pages, asked) ? asked : FIRST;
  if (name === shown) return;
  const isFirst = !shown;
  shown = name;
  close();
  close = () => {};
  links.forEach((link) =>
    link.dataset.page === name ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current"));
  document.title = texts.pageTitle(texts.pages[name]);
  main.replaceChildren(element("h1", {}, texts.pages[name]));
  const { open } = await import(`./page_${name}.js`);
  if (name !== shown) return;
  const closing = await open(main).catch((error) => {
    main.append(element("p", { class: "bad", role: "alert" }, error.message));
  });
  if (name !== shown) return closing?.();
  if (closing) close = closing;
  if (!isFirst) main.focus();
}

document.body.replaceChildren(
  element("header", {}, element("div", {}, element("strong", {}, texts.title),
    element("nav", {}, element("ul", {}, links.map((link) => element("li", {}, link)))))),
  main);
window.addEventListener("hashchange", show);
window.addEventListener("pagehide", () => close());
show();
