// Filters and sorts tables; on a method's page draws its curves. Data come as scripts that call
// vadbench.run and vadbench.clip, since a page that was opened from disk can read no other file.
"use strict";
const vadbench = (() => {
  const cellText = (cell) => cell.dataset.sort ?? cell.textContent.trim();

  function sortTable(table, column, direction) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const numeric = table.tHead.rows[0].cells[column].classList.contains("n");
    const sign = direction === "descending" ? -1 : 1;
    rows.sort((a, b) => {
      const [x, y] = [cellText(a.cells[column]), cellText(b.cells[column])];
      if (x === "" || y === "") return (x === "") - (y === ""); // what has no number stays last
      return sign * (numeric ? x - y : x.localeCompare(y, undefined, { numeric: true }));
    });
    body.append(...rows);
  }

  function makeSortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.querySelector(".sort")?.addEventListener("click", () => {
        const first = head.classList.contains("n") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const direction = head.getAttribute("aria-sort") === first ? other : first;
        heads.forEach((item) => item.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", direction);
        sortTable(table, column, direction);
      });
    });
  }

  function makeFilter(form) {
    const table = document.getElementById(form.getAttribute("data-for")); // form.dataset is the select of that name;
    const rows = [...table.tBodies[0].rows];
    const told = form.querySelector("output");
    function apply() {
      const wanted = [...new FormData(form)].filter(([, value]) => value);
      let shown = 0;
      for (const row of rows) {
        row.hidden = !wanted.every(([key, value]) => key === "text"
          ? row.textContent.replace(/\s+/g, " ").toLowerCase().includes(value.toLowerCase().trim())
          : row.dataset[key] === value);
        shown += !row.hidden;
      }
      told.textContent = wanted.length ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
    }
    for (const event of ["input", "change"]) form.addEventListener(event, apply);
    form.addEventListener("reset", () => setTimeout(apply));
    form.addEventListener("submit", (event) => event.preventDefault());
    apply();
  }

  // Curves

  const loads = new Map(); // by key: the content that was asked for, and what takes it

  function load(base, path, key) {
    if (!loads.has(key)) {
      const load = {};
      load.content = new Promise((resolve, reject) => {
        const script = document.createElement("script");
        load.resolve = resolve;
        script.src = `${base}/${path}.js`;
        script.onerror = () => reject(new Error("there are no scores of this clip"));
        document.head.append(script);
      });
      loads.set(key, load);
    }
    return loads.get(key).content;
  }
  function take(key, content) {
    loads.get(key).resolve(content);
  }

  function explorer(page) {
    const at = (id) => document.getElementById(id);
    const [runBox, clipBox, scaleBox, slider] = ["run", "clip", "scale", "frame"].map(at);
    const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const words = (name) => name.replaceAll("_", " ");
    let run, scores, clip, traces = [], view = null, turn = 0, heard = false;

    const colours = () => [style("--ours"), ...style("--parts").split(" ")];
    function layout(more) {
      const axis = { gridcolor: style("--line"), linecolor: style("--line"), zeroline: false };
      return {
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
        font: { color: style("--ink"), family: "system-ui, sans-serif", size: 13 },
        margin: { l: 48, r: 12, t: 8, b: 44 },
        legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
        ...more,
        xaxis: { ...axis, ...more.xaxis }, yaxis: { ...axis, ...more.yaxis },
      };
    }
    const options = { responsive: true, displayModeBar: false, doubleClick: false };

    function scaled(name, values) {
      let [low, high] = scaleBox.value === "all" ? run.ranges[name]
        : [Math.min(...values), Math.max(...values)];
      return [low, high > low ? high - low : 1];
    }

    function shapes() {
      const found = clip.abnormal.map(([from, to]) => ({
        type: "rect", yref: "paper", x0: from - 0.5, x1: to + 0.5, y0: 0, y1: 1,
        fillcolor: style("--abnormal"), line: { width: 0 }, layer: "below",
      }));
      const limit = run.threshold.score;
      const main = traces[0];
      if (limit !== null && main && main.own === "fused") {
        const [low, width] = scaled("fused", scores.scores.fused);
        const y = (limit - low) / width;
        if (y > -0.05 && y < 1.05) found.push({
          type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y,
          line: { color: style("--soft"), width: 1, dash: "dash" },
        });
      }
      const x = Number(slider.value);
      found.push({
        type: "line", yref: "paper", x0: x, x1: x, y0: 0, y1: 1,
        line: { color: style("--ink"), width: 1.5 },
      });
      return found;
    }

    function listen() {
      if (heard) return;
      heard = true;
      const plot = at("curve");
      plot.on("plotly_hover", (event) => {
        if (!scores) return;
        slider.value = Math.round(event.points[0].x);
        showFrame();
      });
      plot.on("plotly_unhover", cursor);
      plot.on("plotly_click", cursor);
      plot.on("plotly_doubleclick", () => zoom("all"));
      plot.on("plotly_relayout", (change) => {
        if (change["xaxis.range[0]"] !== undefined) view = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
      });
    }

    function drawCurve() {
      if (!scores) return;
      const names = Object.keys(scores.scores);
      const palette = colours();
      traces = names.map((name, number) => {
        const values = scores.scores[name];
        const [low, width] = scaled(name, values);
        return {
          own: name, name: words(name), type: "scatter", mode: "lines",
          x: values.map((_, t) => scores.first + t), y: values.map((v) => (v - low) / width),
          customdata: values, hovertemplate: "%{customdata:.4g}",
          line: { color: palette[number % palette.length], width: number ? 1.2 : 2.4 },
          opacity: number ? 0.85 : 1,
        };
      });
      const whole = [-0.5, clip.frames - 0.5];
      Plotly.react("curve", [...traces].reverse(), layout({
        showlegend: true, hovermode: "x unified", dragmode: "zoom", shapes: shapes(),
        legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, traceorder: "reversed" },
        hoverlabel: { bgcolor: style("--panel"), bordercolor: style("--line"), font: { color: style("--ink") } },
        xaxis: { title: { text: "frame" }, range: view ?? whole },
        yaxis: { title: { text: "score, scaled" }, range: [-0.04, 1.06], fixedrange: true },
      }), options);
      listen();
      at("curve").setAttribute("aria-label",
        `Score of each frame of ${clip.name}: ${names.map(words).join(", ")}. ` +
        (clip.abnormal.length ? `Abnormal: frames ${clip.abnormal.map((s) => s.join(" to ")).join(", ")}.` : "No frame is labelled abnormal."));
    }

    function drawRoc() {
      if (!at("roc-plot")) return;
      const palette = colours();
      const lines = Object.entries(run.roc).map(([name, [x, y]], number) => ({
        name: words(name), type: "scatter", mode: "lines", x, y,
        line: { color: palette[number % palette.length], width: number ? 1.4 : 2.6 },
        hovertemplate: "%{x:.3f}, %{y:.3f}",
      }));
      lines.push({
        name: "chance", type: "scatter", mode: "lines", x: [0, 1], y: [0, 1], hoverinfo: "skip",
        line: { color: style("--soft"), width: 1, dash: "dot" },
      });
      Plotly.react("roc-plot", lines, layout({
        showlegend: true,
        xaxis: { title: { text: "false-positive rate" }, range: [0, 1] },
        yaxis: { title: { text: "true-positive rate" }, range: [0, 1.005] },
      }), { ...options, doubleClick: "reset" });
    }

    function showFrame() {
      const t = Number(slider.value);
      const thumb = at("thumb");
      const sheet = clip.sheet;
      let picture = "";
      if (sheet) {
        const place = Math.min(sheet.count - 1, Math.round(t / sheet.step));
        if (place * sheet.step !== t) picture = `; picture: frame ${place * sheet.step}`;
        const rows = Math.ceil(sheet.count / sheet.columns);
        const [column, row] = [place % sheet.columns, Math.floor(place / sheet.columns)];
        const share = (part, count) => count > 1 ? `${(100 * part) / (count - 1)}%` : "0%";
        thumb.style.aspectRatio = `${sheet.width} / ${sheet.height}`;
        thumb.style.backgroundImage = `url("../../datasets/${encodeURIComponent(page.dataset)}/${clipBox.value}.jpg")`;
        thumb.style.backgroundSize = `${100 * sheet.columns}% ${100 * rows}%`;
        thumb.style.backgroundPosition = `${share(column, sheet.columns)} ${share(row, rows)}`;
        thumb.textContent = "";
        thumb.setAttribute("aria-label", `Frame ${place * sheet.step} of ${clip.name}`);
      } else {
        thumb.style.backgroundImage = "none";
        thumb.textContent = "no pictures of this clip";
      }
      const said = Object.entries(scores.scores).map(([name, values]) => {
        const value = values[t - scores.first];
        return `${words(name)} ${value === undefined ? "not scored" : value.toPrecision(4)}`;
      });
      const truth = clip.abnormal.some(([a, b]) => a <= t && t <= b) ? "abnormal" : "normal";
      at("readout").textContent = `frame ${t}, ${(t / page.fps).toFixed(1)} s` +
        `${page.known ? `, ${truth}` : ""}: ${said.join(", ")}${picture}`;
    }

    function cursor() {
      if (!scores) return;
      showFrame();
      Plotly.relayout("curve", { shapes: shapes() });
    }

    // What was shown before belongs to something else.
    function fail(error) {
      scores = null;
      if (heard) Plotly.react("curve", [], layout({}), options);
      at("curve").setAttribute("aria-label", error.message);
      at("thumb").style.backgroundImage = "none";
      at("thumb").textContent = "";
      at("readout").textContent = error.message;
    }

    async function show(frame) {
      const mine = ++turn;
      clip = page.clips[clipBox.value];
      slider.max = clip.frames - 1;
      try {
        const about = await load(page.base, `${runBox.value}/run`, runBox.value);
        const found = await load(page.base, `${runBox.value}/${clipBox.value}`, `${runBox.value}/${clipBox.value}`);
        if (mine !== turn) return; // something else was chosen meanwhile
        const main = Object.values(found.scores)[0];
        if (!main?.length) throw new Error("the protocol leaves no frame of this clip");
        const other = run !== about;
        run = about;
        scores = found;
        slider.value = frame ?? scores.first + main.indexOf(Math.max(...main));
        drawCurve();
        showFrame();
        if (other) drawRoc();
      } catch (error) {
        if (mine === turn) fail(error);
      }
    }

    function zoom(how) {
      if (!scores) return; // nothing is drawn
      const whole = [-0.5, clip.frames - 0.5];
      const [from, to] = view ?? whole;
      const [middle, width] = [(from + to) / 2, to - from];
      const focus = how === "in" ? Math.min(to, Math.max(from, Number(slider.value))) : middle;
      const next = {
        in: [focus - width / 4, focus + width / 4], out: [middle - width, middle + width],
        left: [from - width / 4, to - width / 4], right: [from + width / 4, to + width / 4],
        all: whole,
      }[how];
      const size = Math.min(next[1] - next[0], whole[1] - whole[0]);
      const start = Math.min(Math.max(next[0], whole[0]), whole[1] - size);
      view = [start, start + size];
      Plotly.relayout("curve", { "xaxis.range": view });
    }

    function choose(number, frame) {
      view = null;
      clipBox.value = String((number + page.clips.length) % page.clips.length);
      return show(frame);
    }

    runBox.addEventListener("change", () => show(Number(slider.value)));
    clipBox.addEventListener("change", () => choose(Number(clipBox.value)));
    scaleBox.addEventListener("change", drawCurve);
    slider.addEventListener("input", cursor);
    at("before").addEventListener("click", () => choose(Number(clipBox.value) - 1));
    at("after").addEventListener("click", () => choose(Number(clipBox.value) + 1));
    at("pick").addEventListener("submit", (event) => event.preventDefault());
    document.querySelectorAll("[data-zoom]").forEach((button) =>
      button.addEventListener("click", () => zoom(button.dataset.zoom)));
    document.querySelectorAll(".show").forEach((button) =>
      button.addEventListener("click", async () => {
        const frame = button.dataset.frame;
        await choose(Number(button.dataset.clip), frame === undefined ? undefined : Number(frame));
        at("explorer").scrollIntoView();
        clipBox.focus({ preventScroll: true });
      }));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      if (scores) { drawCurve(); drawRoc(); }
    });
    choose(0).then(() => {
      document.documentElement.dataset.ready = "curves";
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("table.sortable").forEach(makeSortable);
    document.querySelectorAll("form[data-for]").forEach(makeFilter);
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) target.open = true;
    const data = document.getElementById("page-data");
    if (data) explorer(JSON.parse(data.textContent));
    else document.documentElement.dataset.ready = "tables";
  });
  return { run: take, clip: take };
})();
