// Export: a model for a page, a board or Home Assistant, and what it costs there.

import { get, path, post } from "./api.js";
import { element, labelled, select, statusLine } from "./dom.js";
import { texts } from "./texts.js";

const words = texts.export;
const FILE = "tflite"; // the model as it is

export async function open(main) {
  const [{ models }, { formats }] = await Promise.all([get("/api/models"), get("/api/export")]);
  const page = new ExportPage(models, formats);
  main.append(...page.elements);
}

class ExportPage {
  constructor(models, formats) {
    this.model = select(models.map((name) => [name, name]), "home");
    this.format = select([...formats, FILE].map((name) => [name, words.formats[name] ?? name]));
    this.button = element("button", { class: "main" }, words.start);
    this.status = statusLine();
    this.result = element("div");
    this.elements = [element("p", { class: "faint" }, words.about),
      element("form", { onsubmit: (event) => { event.preventDefault(); this.run(); } },
        labelled(words.model, this.model), labelled(words.format, this.format), this.button),
      this.status, this.result];
  }

  async run() {
    const model = this.model.value, format = this.format.value;
    this.button.disabled = true;
    this.result.replaceChildren();
    this.status.show(words.working);
    try {
      this.result.append(...(format === FILE ? this.file(model) : this.archive(model, await post("/api/export", { model, format }))));
      this.status.show(words.done, "good");
    } catch (error) {
      this.status.show(error.message, "bad");
    }
    this.button.disabled = false;
  }

  file(model) {
    return [this.download(path`/api/models/${model}.tflite`, `${model}.tflite`), element("p", {}, words.homeAssistant),
      element("pre", { tabindex: 0, "aria-label": words.command }, words.serve)];
  }

  archive(model, { archive, files, compressed, report }) {
    return [this.download(path`/api/export/${archive}`, archive), element("p", {}, words.size(compressed)),
      ...(report ? [element("h2", {}, words.cost), element("pre", { tabindex: 0, "aria-label": words.cost }, report)] : []),
      element("details", {}, element("summary", {}, words.files(files.length)),
        element("ul", {}, files.map(({ name, bytes }) => element("li", {}, words.file(name, bytes)))))];
  }

  download(href, name) {
    return element("p", {}, element("a", { href, download: name }, words.download(name)));
  }
}
