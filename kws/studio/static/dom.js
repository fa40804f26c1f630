// Make elements. Text is always set as text, so that no name can become markup.

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) made.setAttribute(name, value);
  }
  made.append(...children.flat());
  return made;
}

export function labelled(text, control, note = "") {
  return element("label", {}, text, note ? element("small", {}, note) : "", control);
}

export function select(options, chosen) {
  return element("select", {}, options.map(([value, text]) =>
    element("option", { value, selected: value === chosen }, text)));
}

// A line that screen readers say when it changes.
export function statusLine() {
  const line = element("p", { role: "status" });
  line.show = (text, kind = "") => { line.textContent = text; line.className = kind; };
  return line;
}

// A table whose first column names the rows; it can be scrolled by keyboard where it is wide.
export function figureTable(name, heads, rows) {
  const row = ([first, ...others]) => element("tr", {}, element("th", { scope: "row" }, first),
    others.map((text) => element("td", {}, text)));
  return element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": name }, element("table", {},
    element("thead", {}, element("tr", {}, heads.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, rows.map(row))));
}
