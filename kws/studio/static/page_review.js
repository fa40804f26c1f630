// Review: was the keyword said in a kept clip? The marks are what kws train --add takes.

import { get, path, post, put } from "./api.js";
import { element, labelled, select, statusLine } from "./dom.js";
import { texts } from "./texts.js";

const words = texts.review;
const MARKS = ["said", "false alarm", "neither"];

export async function open(main) {
  const [{ models }, { datasets }, { trainings }] =
    await Promise.all([get("/api/models"), get("/api/datasets"), get("/api/training")]);
  const page = new ReviewPage(models, datasets.map(({ name }) => name), trainings);
  main.append(...page.elements);
  await page.show();
}

class ReviewPage {
  constructor(models, datasets, trainings) {
    this.models = models;
    this.trainings = trainings;
    this.model = select(models.map((name) => [name, name]));
    this.model.addEventListener("change", () => { this.chosen = true; this.suggest(); });
    this.dataset = select(datasets.map((name) => [name, name]));
    this.name = element("input", { type: "text", autocomplete: "off", required: true, maxlength: 60,
      oninput: () => { this.chosen = true; } });
    this.button = element("button", { class: "main" }, words.train);
    this.again = element("section", {}, element("h2", {}, words.again), element("p", { class: "faint" }, words.againNote),
      ...(datasets.length ? [element("form", { onsubmit: (event) => { event.preventDefault(); this.train(); } },
        labelled(words.model, this.model), labelled(words.dataset, this.dataset), labelled(words.name, this.name), this.button)]
        : [element("p", {}, texts.train.noDataset)]));
    this.status = statusLine();
    this.open = element("ol", { class: "plain" });
    this.marked = element("ol", { class: "plain" });
    this.elements = [element("p", { class: "faint" }, words.about), this.status,
      element("h2", {}, words.open), this.open, element("h2", {}, words.marked), this.marked, this.again];
  }

  async show() {
    const { clips, more } = await get("/api/review");
    const fill = (list, some) => list.replaceChildren(...some.map((clip) => this.item(clip)),
      ...(some.length ? [] : [element("li", { class: "faint" }, words.none)]));
    fill(this.open, clips.filter(({ mark }) => mark === "open"));
    fill(this.marked, clips.filter(({ mark }) => mark !== "open"));
    const usable = clips.filter(({ mark }) => mark === "said" || mark === "false alarm");
    this.button.disabled = !usable.length;
    if (!this.chosen) this.suggest([...usable, ...clips].map(({ model }) => model).find((model) => this.models.includes(model)));
    if (more) this.status.show(words.more(more), "faint");
  }

  // Suggest the model that the clips are of, the dataset that it was trained on, and a new name.
  suggest(model = this.model.value) {
    this.model.value = model;
    const known = this.trainings.find(({ name }) => name === model)?.dataset;
    if (known && [...this.dataset.options].some(({ value }) => value === known)) this.dataset.value = known;
    const [, stem, number] = model.match(/^(.*?)(?:-(\d+))?$/);
    let next = Number(number ?? 1) + 1;
    const taken = [...this.models, ...this.trainings.map(({ name }) => name)];
    while (taken.includes(`${stem}-${next}`)) next += 1;
    this.name.value = `${stem}-${next}`;
  }

  async train() {
    this.button.disabled = true;
    try {
      await post("/api/training", { name: this.name.value.trim(), dataset: this.dataset.value, add: true, init: this.model.value });
      location.hash = "train";
    } catch (error) {
      this.status.show(error.message, "bad");
      this.button.disabled = false;
    }
  }

  item(clip) {
    const keyword = clip.said ?? clip.keyword;
    const about = clip.keyword === undefined ? words.unknown(clip.file)
      : words.clip(clip.keyword, clip.kind, Number(clip.confidence));
    const when = clip.clock ? new Date(clip.clock).toLocaleString() : "";
    const button = (mark) => element("button", { type: "button", "aria-pressed": String(clip.mark === mark),
      onclick: () => this.mark(clip, clip.mark === mark ? "open" : mark, keyword) }, words.marks[mark](keyword));
    const marks = MARKS.filter((mark) => mark !== "said" || keyword);
    return element("li", { class: "row" },
      element("span", { class: "grow" }, element("strong", {}, about), " ", element("span", { class: "faint" }, when)),
      element("audio", { controls: true, preload: "none", src: path`/api/review/${clip.file}`, "aria-label": words.hear(clip.file) }),
      element("div", { class: "row", role: "group", "aria-label": words.group(clip.file) }, marks.map(button)));
  }

  // Move the clip, and the focus to the one that follows.
  async mark({ file }, mark, keyword) {
    try {
      await put("/api/review", { file, mark, keyword: keyword ?? "" });
      await this.show();
      this.status.show(words.done(file, mark), "good");
    } catch (error) {
      this.status.show(error.message, "bad");
    }
    this.open.querySelector("button")?.focus();
  }
}
