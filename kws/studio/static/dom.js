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
