// The page: level, posteriors, sensitivity and detections. Names are text, never HTML.
import { listen, load } from "./kws.js";
import { thresholdsAt } from "./detector.js";

const MAX_DETECTIONS = 200; // in the list
const FLOOR = -60; // dBFS, the left end of the level meter
const SVG = "http://www.w3.org/2000/svg";
const PROBLEMS = {
  NotAllowedError: "The browser was not allowed to use the microphone.",
  NotFoundError: "There is no microphone.",
  NotReadableError: "The microphone is in use elsewhere, or it failed.",
};

const element = (id) => document.getElementById(id);
const toggle = element("toggle"), sensitivity = element("sensitivity");
const rows = new Map(); // of keywords: their meters
let info, levelMeter, listener = null;

/** Show a line about what goes on. */
function say(text, failed = false) {
  element("status").textContent = text;
  element("status").classList.toggle("failed", failed);
}

function make(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** Add a meter; return what shows a value from 0 to 1 with a text, and a mark at a threshold. */
function addMeter(name) {
  const row = make("div", undefined, "meter"), number = make("span", "–");
  const svg = document.createElementNS(SVG, "svg");
  const [bar, mark] = ["value", "threshold"].map((className) => {
    const rect = document.createElementNS(SVG, "rect");
    rect.setAttribute("class", className);
    rect.setAttribute("height", "100%");
    svg.append(rect);
    return rect;
  });
  svg.setAttribute("class", "bar");
  svg.setAttribute("aria-hidden", "true"); // the number beside it says the same
  row.append(make("span", name), svg, number);
  element("meters").append(row);
  return {
    show(value, text) {
      bar.setAttribute("width", `${100 * value}%`);
      number.textContent = text;
    },
    mark(value) {
      mark.setAttribute("x", `${100 * value}%`);
      mark.setAttribute("width", "2");
    },
  };
}

function showThresholds() {
  const thresholds = thresholdsAt(info, sensitivity.valueAsNumber);
  info.keywords.forEach((keyword, i) => rows.get(keyword).mark(thresholds[i]));
}

function showScores({ scores, level }) {
  const shown = Math.max(FLOOR, level);
  levelMeter.show(1 - shown / FLOOR, `${shown.toFixed(0)} dBFS`);
  for (const [keyword, score] of scores) rows.get(keyword).show(score, score.toFixed(2));
}

function showDetection({ keyword, confidence, sample, time }) {
  const item = make("li");
  item.dataset.sample = sample;
  item.append(
    make("time", `${time.toFixed(2)} s`), make("span", keyword),
    make("span", confidence.toFixed(2)));
  element("detections").prepend(item);
  element("detections").children[MAX_DETECTIONS]?.remove();
  element("none").hidden = true;
}

async function start() {
  say("Waiting for the microphone …");
  listener = await listen({
    sensitivity: sensitivity.valueAsNumber, onDetection: showDetection, onScores: showScores,
    onError: (error) => fail(error),
  });
  say("Listening.");
}

async function stop() {
  const stopped = listener;
  listener = null;
  await stopped?.stop();
}

function fail(error) {
  say(PROBLEMS[error.name] ?? error.message, true);
  toggle.textContent = "Listen";
  stop();
}

async function change() {
  toggle.disabled = true;
  try {
    if (listener) {
      await stop();
      say("Stopped.");
    } else {
      await start();
    }
    toggle.textContent = listener ? "Stop" : "Listen";
  } catch (error) {
    fail(error);
  }
  toggle.disabled = false;
}

async function open() {
  ({ info } = await load());
  element("words").textContent = `Say: ${info.keywords.join(", ")}`;
  document.title = `Wake words: ${info.keywords.join(", ")}`;
  levelMeter = addMeter("level");
  for (const keyword of info.keywords) rows.set(keyword, addMeter(keyword));
  showThresholds();
  sensitivity.addEventListener("input", () => {
    showThresholds();
    listener?.setSensitivity(sensitivity.valueAsNumber);
  });
  toggle.addEventListener("click", change);
  toggle.disabled = false;
  navigator.serviceWorker?.register("offline.js").catch(() => {}); // then it needs the network
}

open().catch((error) => say(error.message, true));
