"use strict";
// Filters, order, comparison, chart and downloads of the page of a model table. The rows are there without it.
{
  const FIRST = 200; // rows drawn at once; page.css hides the others from the start
  const MOST = 4; // rows that are compared
  const COLORS = 6; // in page.css
  const START = "latency_ms";
  const KIND = ["data_digest", "data", "device", "engine", "batch", "threads"]; // alike in rows that can be compared
  const LINE = [...KIND, "precision"];
  const SIZE = { height: 400, left: 50, right: 20, top: 30, bottom: 46 };

  const at = (id) => document.getElementById(id);
  const { labels, records } = JSON.parse(at("data").textContent);
  const body = at("entries").tBodies[0];
  const rows = [...body.rows];
  const index = new Map(records.map((record, i) => [record.name, i]));
  const together = (keys) => records.map((record) => JSON.stringify(keys.map((key) => record[key])));
  const kinds = together(KIND);
  const lines = together(LINE);
  const palette = [...new Set(lines)];
  const fields = [...at("filters").elements].filter((field) => field.name);
  const headings = [...document.querySelectorAll("#entries th[data-key]")];
  const collator = new Intl.Collator("en", { numeric: true });
  let order = START;
  let descending = false;
  let compared = new Set();
  let all = false;
  let chosen = [];
  let points = [];

  const low = (record) => record.accuracy_low ?? record.accuracy;
  const high = (record) => record.accuracy_high ?? record.accuracy;

  // Whether the test images leave open which is more accurate: see indistinguishable() in proportions.py.
  function tied(a, b) {
    if (a.test_images === null || b.test_images === null) return a.accuracy === b.accuracy;
    const [better, worse] = a.accuracy > b.accuracy ? [a, b] : [b, a];
    const noise = Math.hypot(better.accuracy - better.accuracy_low, worse.accuracy_high - worse.accuracy);
    return better.accuracy - worse.accuracy <= noise;
  }

  function select() {
    const exact = fields.filter((field) => field.type !== "number" && field.value !== "");
    const budget = (name) => at("filters").elements[name].valueAsNumber; // NaN if empty, which excludes nothing
    const [most, least] = [budget("max_latency_ms"), budget("min_accuracy") / 100];
    const sign = descending ? -1 : 1;
    const compare = (a, b) => (typeof a === "number" ? a - b : collator.compare(a, b));
    return [...records.keys()]
      .filter((i) => exact.every((field) => String(records[i][field.name]) === field.value))
      .filter((i) => !(records[i].latency_ms > most) && !(records[i].accuracy < least))
      .sort((a, b) => sign * compare(records[a][order], records[b][order]) || a - b);
  }

  function bestOf() {
    const best = new Map();
    for (const i of chosen) {
      const [one, other] = [records[i], records[best.get(kinds[i])]];
      const better = !other || one.accuracy - other.accuracy || other.latency_ms - one.latency_ms;
      if (one.recommended && better > 0) best.set(kinds[i], i);
    }
    return best;
  }

  function show() {
    chosen = select();
    const best = bestOf();
    const drawn = all ? chosen : chosen.slice(0, FIRST);
    const fragment = new DocumentFragment();
    for (const i of drawn) {
      const first = best.get(kinds[i]);
      const ties = records[i].recommended && first !== undefined && tied(records[i], records[first]);
      rows[i].querySelector(".rank").textContent = i === first ? "best" : ties ? "tied" : "";
      rows[i].querySelector("input").checked = compared.has(records[i].name);
      fragment.append(rows[i]);
    }
    body.replaceChildren(fragment);
    for (const heading of headings) {
      if (heading.dataset.key !== order) heading.removeAttribute("aria-sort");
      else heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    }
    at("more").hidden = drawn.length === chosen.length;
    at("more").textContent = `Show all ${chosen.length} rows`;
    at("status").textContent = `${chosen.length} of ${records.length} entries`;
    draw();
    compare();
    write();
  }

  // What is chosen, in the address.
  function write() {
    const state = new URLSearchParams(fields.filter((field) => field.value).map((field) => [field.name, field.value]));
    if (order !== START || descending) state.set("sort", (descending ? "-" : "") + order);
    if (compared.size) state.set("compare", [...compared].join(","));
    history.replaceState(null, "", `#${state}`);
  }

  function read() {
    const state = new URLSearchParams(location.hash.slice(1));
    for (const field of fields) {
      field.value = state.get(field.name) ?? "";
      if (!field.value) field.value = ""; // an option that is not there
    }
    const sort = state.get("sort") ?? START;
    [order, descending] = [sort.replace("-", ""), sort.startsWith("-")];
    if (!headings.some((heading) => heading.dataset.key === order)) [order, descending] = [START, false];
    compared = new Set((state.get("compare") ?? "").split(",").filter((name) => index.has(name)).slice(0, MOST));
  }

  function put(parent, tag, attributes, ...children) {
    const made = document.createElementNS(parent.namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    parent.append(made);
    return made;
  }

  function shown(key, value) {
    if (value === null || /^(""|\[]|{})$/.test(JSON.stringify(value))) return "–";
    if (key.includes("accuracy")) return `${(100 * value).toFixed(2)} %`;
    if (typeof value === "number") return String(Number.isInteger(value) ? value : Number(value.toPrecision(4)));
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  }

  function compare() {
    const several = [...compared].map((name) => records[index.get(name)]);
    at("comparison").hidden = several.length < 2;
    at("compared").replaceChildren();
    for (const [key, label] of Object.entries(labels)) {
      const values = several.map((record) => shown(key, record[key]));
      if (values.every((value) => value === "–")) continue;
      const row = put(at("compared"), "tr", new Set(values).size > 1 ? { class: "differs" } : {});
      put(row, "th", { scope: "row" }, label);
      for (const value of values) put(row, "td", {}, value);
    }
  }

  function logTicks(from, to, scale) {
    const steps = scale > 150 ? [1, 1.5, 2, 3, 5, 7] : scale > 50 ? [1, 2, 5] : [1]; // pixels for a factor of e
    const powers = Array.from({ length: 20 }, (_, k) => 10 ** (Math.floor(Math.log10(from)) + k));
    const found = powers.flatMap((power) => steps.map((step) => Number((step * power).toPrecision(3))));
    return found.filter((tick) => from <= tick && tick <= to);
  }

  function ticks(from, to) {
    const rough = (to - from) / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
    const begin = Math.ceil(from / step);
    return Array.from({ length: Math.floor(to / step) - begin + 1 }, (_, k) => (begin + k) * step);
  }

  function draw() {
    const svg = at("chart");
    const { height, left, right, top, bottom } = SIZE;
    const width = svg.getBoundingClientRect().width;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren();
    at("legend").replaceChildren();
    at("point").textContent = "";
    points = [];
    if (!chosen.length) return;

    const several = chosen.map((i) => records[i]);
    const from = Math.min(...several.map((record) => record.latency_low_ms)) / 1.3;
    const to = Math.max(...several.map((record) => record.latency_high_ms)) * 1.3;
    const [least, most] = [Math.min(...several.map(low)), Math.max(...several.map(high))];
    const margin = (most - least) / 20 || 0.005;
    const scale = (width - left - right) / Math.log(to / from);
    const x = (ms) => left + scale * Math.log(ms / from);
    const y = (share) => top + ((height - top - bottom) * (most + margin - share)) / (most - least + 2 * margin);
    for (const tick of logTicks(from, to, scale)) {
      put(svg, "path", { class: "grid", d: `M${x(tick)} ${top}V${height - bottom}` });
      put(svg, "text", { x: x(tick), y: height - bottom + 18, "text-anchor": "middle" }, tick);
    }
    for (const tick of ticks(least - margin, most + margin)) {
      put(svg, "path", { class: "grid", d: `M${left} ${y(tick)}H${width - right}` });
      put(svg, "text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, Number((100 * tick).toPrecision(6)));
    }
    put(svg, "text", { x: (left + width) / 2, y: height - 8, "text-anchor": "middle" }, "Latency (ms, log scale)");
    put(svg, "text", { x: 0, y: 14 }, "Accuracy (%)");

    const groups = new Map(chosen.map((i) => [lines[i], []]));
    for (const i of chosen) groups.get(lines[i]).push(records[i]);
    const differing = LINE.slice(1).filter((key) => new Set(several.map((record) => record[key])).size > 1);
    for (const [line, sorted] of groups) {
      const color = `c${palette.indexOf(line) % COLORS}`;
      const paths = { bars: "", measured: "", published: "", solid: "", dashed: "" };
      sorted.sort((a, b) => a.latency_ms - b.latency_ms || b.accuracy - a.accuracy);
      let last;
      for (const record of sorted) {
        const [px, py] = [x(record.latency_ms), y(record.accuracy)];
        points.push([px, py, record]);
        paths.bars += `M${x(record.latency_low_ms)} ${py}H${x(record.latency_high_ms)}`;
        paths.bars += `M${px} ${y(low(record))}V${y(high(record))}`;
        if (record.source === "measured") paths.measured += `M${px} ${py}h0`;
        else paths.published += `M${px - 4} ${py}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0`;
        if (last && record.accuracy <= last.accuracy) continue;
        if (last) {
          const step = `M${x(last.latency_ms)} ${y(last.accuracy)}H${px}V${py}`;
          paths[tied(last, record) ? "dashed" : "solid"] += step;
        }
        last = record;
      }
      for (const [kind, d] of Object.entries(paths)) if (d) put(svg, "path", { class: `${kind} ${color}`, d });
      if (!differing.length) continue; // a line alone needs no name
      const unit = { batch: "batch ", threads: "threads " };
      const label = differing.map((key) => (unit[key] ?? "") + sorted[0][key]).join(", ");
      const item = put(at("legend"), "li", {});
      put(item, "span", { class: `swatch ${color}` });
      item.append(label);
    }
    svg.setAttribute("aria-label", `Accuracy over latency of ${chosen.length} entries; the table has the same figures`);
  }

  function point(event) {
    const box = at("chart").getBoundingClientRect();
    const scale = at("chart").viewBox.baseVal.width / box.width;
    const [px, py] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    let [nearest, distance] = [null, 20];
    for (const [x, y, record] of points) {
      if (Math.hypot(x - px, y - py) < distance) [nearest, distance] = [record, Math.hypot(x - px, y - py)];
    }
    const figures = (record) => `${shown("", record.latency_ms)} ms, ${shown("accuracy", record.accuracy)}`;
    at("point").textContent = nearest ? `${nearest.name}: ${figures(nearest)}` : "";
  }

  function cell(value) {
    const text = value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
    // A spreadsheet would run a text that looks like a formula.
    const inert = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
  }

  function csv() {
    const keys = Object.keys(labels);
    return [keys, ...chosen.map((i) => keys.map((key) => cell(records[i][key])))].map((line) => `${line.join(",")}\r\n`).join("");
  }

  function download(name, type, text) {
    const href = URL.createObjectURL(new Blob([text], { type }));
    const link = put(document.body, "a", { download: name, href });
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(href), 10_000);
  }

  async function copy(code) {
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    at("done").textContent = "Copied.";
  }

  function tick(box) {
    if (box.checked && compared.size === MOST) {
      box.checked = false;
      at("done").textContent = `At most ${MOST} rows can be compared.`;
      return;
    }
    if (box.checked) compared.add(box.value);
    else compared.delete(box.value);
    at("done").textContent = compared.size < 2 ? "Tick another row to compare." : `${compared.size} rows are compared below.`;
    compare();
    write();
  }

  for (const heading of headings) {
    heading.firstElementChild.addEventListener("click", () => {
      const key = heading.dataset.key;
      descending = key === order ? !descending : key === "accuracy";
      order = key;
      show();
    });
  }
  body.addEventListener("change", (event) => tick(event.target));
  body.addEventListener("click", (event) => {
    if (event.target.matches(".copy")) copy(event.target.previousElementSibling);
  });
  at("filters").addEventListener("input", show);
  at("filters").addEventListener("reset", () => setTimeout(show));
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("more").addEventListener("click", () => {
    all = true;
    at("entries").classList.add("all");
    show();
  });
  at("csv").addEventListener("click", () => download("table.csv", "text/csv", csv()));
  at("json").addEventListener("click", () =>
    download("table.json", "application/json", JSON.stringify(chosen.map((i) => records[i]), null, 1)),
  );
  at("chart").addEventListener("mousemove", point); // also when it is tapped
  addEventListener("resize", draw);
  addEventListener("hashchange", () => {
    read();
    show();
  });
  read();
  show();
}
