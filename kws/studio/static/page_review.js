// Review: was the keyword said in a kept clip? The marks are what kws train --add takes.

import { get, path, put } from "./api.js";
import { element, statusLine } from "./dom.js";
import { texts } from "./texts.js";

const words = texts.review;
const MARKS = ["said", "false alarm", "neither"];

export async function open(main) {
  const page = new ReviewPage();
  main.append(...page.elements);
  await page.show();
}

class ReviewPage {
  constructor() {
    this.status = statusLine();
    this.open = element("ol", { class: "plain" });
    this.marked = element("ol", { class: "plain" });
    this.elements = [element("p", { class: "faint" }, words.about), this.status,
      element("h2", {}, words.open), this.open, element("h2", {}, words.marked), this.marked];
  }

  async show() {
    const { clips, more } = await get("/api/review");
    const fill = (list, some) => list.replaceChildren(...some.map((clip) => this.item(clip)),
      ...(some.length ? [] : [element("li", { class: "faint" }, words.none)]));
    fill(this.open, clips.filter(({ mark }) => mark === "open"));
    fill(this.marked, clips.filter(({ mark }) => mark !== "open"));
    if (more) this.status.show(words.more(more), "faint");
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
