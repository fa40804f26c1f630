// Draw on a canvas in the colours of the theme.

const CURVES = 6; // colours

export const colour = (index) => css(`--curve-${index % CURVES}`);
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Return a context whose unit is a CSS pixel, and the canvas's size in it, emptied.
export function surface(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.font = "12px system-ui, sans-serif";
  return { context, width, height, text: css("--faint"), line: css("--line"), accent: css("--accent") };
}

// Draw now, and again when the size or the theme changes.
export function keepDrawn(canvas, draw) {
  canvas.draw = draw;
  if (!canvas.observer) {
    canvas.observer = new ResizeObserver(() => canvas.draw());
    canvas.observer.observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => canvas.isConnected && canvas.draw());
  }
  draw();
}

// Scores over the last seconds: points are {time, scores}, marks {time, index}.
export function drawScores(canvas, points, thresholds, marks, seconds) {
  const { context, width, height, text, line } = surface(canvas);
  const end = points.length ? points.at(-1).time : 0;
  const x = (time) => width - ((end - time) / seconds) * width;
  const y = (score) => height - 20 - score * (height - 28);
  context.fillStyle = text;
  context.strokeStyle = line;
  for (const score of [0, 0.5, 1]) {
    context.beginPath();
    context.moveTo(0, y(score));
    context.lineTo(width, y(score));
    context.stroke();
  }
  for (let back = 5; back < seconds; back += 5) {
    context.fillText(`-${back} s`, x(end - back) - 12, height - 5);
  }
  thresholds.forEach((threshold, index) => {
    context.strokeStyle = colour(index);
    context.setLineDash([4, 5]);
    context.beginPath();
    context.moveTo(0, y(threshold));
    context.lineTo(width, y(threshold));
    context.stroke();
    context.setLineDash([]);
    context.lineWidth = 2;
    context.beginPath();
    for (const point of points) context.lineTo(x(point.time), y(point.scores[index]));
    context.stroke();
    context.lineWidth = 1;
  });
  for (const { time, index } of marks) {
    if (end - time > seconds) continue;
    context.fillStyle = colour(index);
    context.beginPath();
    context.arc(x(time), y(1), 5, 0, 7);
    context.fill();
  }
}

// A waveform, int16; the part from..to is what is kept.
export function drawWaveform(canvas, samples, from = 0, to = samples.length) {
  const { context, width, height, text, accent } = surface(canvas);
  const step = samples.length / width;
  for (let column = 0; column < width; column++) {
    const first = Math.floor(column * step);
    let least = 0, most = 0;
    for (let i = first; i < Math.min(samples.length, first + Math.max(1, step)); i++) {
      least = Math.min(least, samples[i]);
      most = Math.max(most, samples[i]);
    }
    context.fillStyle = first >= from && first < to ? accent : text;
    const top = (1 - most / 32768) * height / 2;
    context.fillRect(column, top, 1, Math.max(1, ((most - least) / 65536) * height));
  }
}

// Losses by epoch: {name: [[epoch, training, validation or null]]}; training is dashed.
export function drawLosses(canvas, losses) {
  const { context, width, height, text } = surface(canvas);
  const rows = Object.values(losses).flat();
  const epochs = Math.max(2, ...rows.map(([epoch]) => epoch));
  const most = Math.max(1e-6, ...rows.flatMap(([, training, validation]) => [training, validation ?? 0]));
  const x = (epoch) => 34 + ((epoch - 1) / (epochs - 1)) * (width - 44);
  const y = (loss) => height - 22 - (loss / most) * (height - 34);
  context.fillStyle = text;
  context.fillText(most.toPrecision(2), 2, y(most) + 4);
  context.fillText("0", 2, y(0) + 4);
  context.fillText("1", x(1) - 3, height - 5);
  context.fillText(String(epochs), x(epochs) - 12, height - 5);
  Object.values(losses).forEach((curve, index) => {
    context.strokeStyle = colour(index);
    for (const column of [1, 2]) {
      context.setLineDash(column === 1 ? [4, 4] : []);
      context.lineWidth = column;
      context.beginPath();
      for (const row of curve) if (row[column] !== null) context.lineTo(x(row[0]), y(row[column]));
      context.stroke();
    }
  });
}

// Miss rates over false alarms per hour, on a logarithmic axis: {false_alarms_per_hour, miss_rate} of
// one model or of two. A colour stands for a keyword, dashes for the second model.
export function drawDet(canvas, curves, keywords, [across, up]) {
  const { context, width, height, text, line } = surface(canvas);
  const rates = curves.flatMap((curve) => curve.false_alarms_per_hour).filter((rate) => rate > 0);
  const least = rates.length ? Math.min(...rates) : 0.1;
  const most = Math.max(10 * least, ...rates);
  const highest = Math.max(0.05, ...curves.flatMap((curve) => Object.values(curve.miss_rate).flat()));
  const x = (rate) => 48 + (Math.log(rate / least) / Math.log(most / least)) * (width - 60);
  const y = (share) => height - 40 - (share / highest) * (height - 66);
  context.fillStyle = text;
  context.strokeStyle = line;
  for (let rate = 10 ** Math.ceil(Math.log10(least)); rate <= most; rate *= 10) {
    strokeLine(context, x(rate), y(0), x(rate), y(highest));
    context.fillText(String(Number(rate.toPrecision(1))), x(rate) - 6, height - 24);
  }
  for (const share of [0, highest / 2, highest]) {
    strokeLine(context, 48, y(share), width - 12, y(share));
    context.fillText(`${Number((100 * share).toPrecision(2))} %`, 4, y(share) + 4);
  }
  context.fillText(across, 48, height - 6);
  context.fillText(up, 4, 14);
  curves.forEach(({ false_alarms_per_hour: alarms, miss_rate: missed }, model) => keywords.forEach((keyword, index) => {
    context.strokeStyle = colour(index);
    context.lineWidth = 2;
    context.setLineDash(model ? [6, 5] : []);
    context.beginPath();
    (missed[keyword] ?? []).forEach((share, point) => {
      if (point) context.lineTo(x(alarms[point]), y(missed[keyword][point - 1])); // steps, as they are measured
      context.lineTo(x(alarms[point]), y(share));
    });
    context.stroke();
  }));
}

function strokeLine(context, fromX, fromY, toX, toY) {
  context.beginPath();
  context.moveTo(fromX, fromY);
  context.lineTo(toX, toY);
  context.stroke();
}
