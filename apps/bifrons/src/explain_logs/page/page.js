"use strict";
// Builds the page from the data in it. Text from logs only ever becomes text nodes.
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const summary = data.summary;
  const main = document.getElementById("main");
  const OUTCOMES = ["delivered", "partly delivered", "not delivered", "not yet known"];
  const COLUMNS = [
    ["time"], ["from"], ["to"], ["port", 1], ["protocol"], ["application"], ["rule"], ["action"],
    ["end reason"], ["sent", 1], ["received", 1], ["outcome"], ["diagnosis"], ["shown by"],
  ];
  const OUTCOME = 11, DIAGNOSIS = 12, EVIDENCE = 13;
  const count = (number) => Number(number).toLocaleString("en");

  function add(parent, name, text, attributes) {
    const element = document.createElement(name);
    if (text !== undefined && text !== null) element.textContent = text;
    for (const key in attributes || {}) element.setAttribute(key, attributes[key]);
    parent.appendChild(element);
    return element;
  }

  function draw(parent, name, attributes) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    parent.appendChild(element);
    return element;
  }

  function link(parent, place) {
    const diagnosis = data.diagnoses[place];
    if (diagnosis) add(parent, "a", diagnosis.name, { href: "#cause/" + diagnosis.name });
  }

  // Joins steps so that no more bars are drawn than can be told apart.
  function joined(steps, values) {
    const most = 120, width = Math.ceil(steps.length / most) || 1, bars = [];
    for (let start = 0; start < steps.length; start += width) {
      const part = steps.slice(start, start + width).map(values);
      bars.push({
        from: steps[start].time,
        parts: part[0].map((_, place) => part.reduce((sum, one) => sum + one[place], 0)),
      });
    }
    return bars;
  }

  function chart(parent, values, names, colours) {
    const bars = joined(summary.timeline, values);
    if (bars.length === 0) {
      add(parent, "p", "The records have no times that could be read.", { class: "note" });
      return;
    }
    const width = 1200, height = 240, left = 62, bottom = 28, top = 8;
    const highest = Math.max(1, ...bars.map((bar) => bar.parts.reduce((sum, one) => sum + one, 0)));
    const svg = draw(parent, "svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
    draw(svg, "title", {}).textContent = "Records over time: " + names.join(", ");
    const text = (x, y, anchor, what) => {
      draw(svg, "text", { x, y, "text-anchor": anchor }).textContent = what;
    };
    const scale = (height - bottom - top) / highest, step = (width - left) / bars.length;
    for (const part of [0, 0.5, 1]) {
      const y = height - bottom - part * highest * scale;
      draw(svg, "line", { x1: left, x2: width, y1: y, y2: y, class: "axis" });
      text(left - 6, y + 4, "end", count(Math.round(highest * part)));
    }
    bars.forEach((bar, number) => {
      let y = height - bottom;
      const group = draw(svg, "g", { class: "step" });
      draw(group, "title", {}).textContent =
        bar.from + "\n" + names.map((name, place) => name + ": " + count(bar.parts[place])).join("\n");
      bar.parts.forEach((value, place) => {
        y -= value * scale;
        if (value > 0) {
          draw(group, "rect", {
            x: left + number * step, y, height: value * scale, width: Math.min(40, Math.max(1, step - 1)),
            fill: `var(--${colours[place]})`,
          });
        }
      });
    });
    text(left, height - 8, "start", bars[0].from);
    if (bars.length > 2) text(left + (width - left) / 2, height - 8, "middle", bars[bars.length >> 1].from);
    if (bars.length > 1) text(width, height - 8, "end", summary.timeline[summary.timeline.length - 1].time);
    const legend = add(parent, "div", null, { class: "legend" });
    names.forEach((name, place) => {
      const entry = add(legend, "span");
      add(entry, "i", null, { class: "key", style: `background:var(--${colours[place]})` });
      entry.append(name);
    });
    add(parent, "p", `Times are those of the log. One step is ${count(summary.step_minutes)} minute(s) or more; ` +
      "steps without records are left out.", { class: "note" });
  }

  function plain(parent, title, columns, rows) {
    if (rows.length === 0) return;
    add(parent, "h2", title);
    const table = add(add(parent, "div", null, { class: "scroll" }), "table");
    const head = add(add(table, "thead"), "tr");
    columns.forEach((column) => add(head, "th", column));
    const body = add(table, "tbody");
    for (const row of rows) {
      const line = add(body, "tr");
      row.forEach((cell) => {
        const place = add(line, "td");
        if (typeof cell === "function") cell(place);
        else place.textContent = typeof cell === "number" ? count(cell) : cell === null ? "" : cell;
      });
    }
  }

  function shown(record, column) {
    const value = record[column];
    if (column === OUTCOME) return OUTCOMES[value];
    if (column === DIAGNOSIS) return data.diagnoses[value] ? data.diagnoses[value].name : "";
    return value === null ? "" : value;
  }

  // The table of records: sorted by a click on a column, filtered by words and by outcome.
  function records(parent, all, id) {
    const STEP = 200;
    let order = null, descending = false, limit = STEP;
    const words = all.map((record) => COLUMNS.map((_, column) => shown(record, column)).join(" ").toLowerCase());
    const controls = add(parent, "div", null, { class: "controls" });
    const input = add(controls, "input", null, {
      type: "search", placeholder: "Filter: words that a record must have", "aria-label": "Filter", id: id + "-filter",
    });
    const select = add(controls, "select", null, { "aria-label": "Outcome", id: id + "-outcome" });
    add(select, "option", "every outcome", { value: "" });
    OUTCOMES.forEach((name, number) => add(select, "option", name, { value: number }));
    const status = add(controls, "span", "", { class: "note", id: id + "-status", role: "status" });
    const table = add(add(parent, "div", null, { class: "scroll" }), "table", null, { id });
    const head = add(add(table, "thead"), "tr");
    const body = add(table, "tbody");
    const more = add(parent, "button", "Show more", { class: "more" });
    COLUMNS.forEach(([name, isNumber], column) => {
      const cell = add(head, "th", null, { "aria-sort": "none", class: isNumber ? "number" : "" });
      add(cell, "button", name, { type: "button" }).addEventListener("click", () => {
        descending = order === column ? !descending : false;
        order = column;
        for (const other of head.children) other.setAttribute("aria-sort", "none");
        cell.setAttribute("aria-sort", descending ? "descending" : "ascending");
        fill();
      });
    });

    function fill() {
      const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let rows = all.map((_, number) => number).filter((number) =>
        (select.value === "" || all[number][OUTCOME] === Number(select.value)) &&
        wanted.every((word) => words[number].includes(word)));
      if (order !== null) {
        const isNumber = COLUMNS[order][1];
        rows.sort((one, other) => {
          const [a, b] = [shown(all[one], order), shown(all[other], order)];
          const result = isNumber ? (Number(a) || 0) - (Number(b) || 0)
            : String(a).localeCompare(String(b), "en", { numeric: true });
          return (descending ? -result : result) || one - other;
        });
      }
      const matching = rows.length;
      rows = rows.slice(0, limit);
      body.textContent = "";
      for (const number of rows) {
        const line = add(body, "tr");
        COLUMNS.forEach(([, isNumber], column) => {
          const cell = add(line, "td", null, { class: isNumber ? "number" : column === EVIDENCE ? "wide" : "whole" });
          if (column === DIAGNOSIS) link(cell, all[number][column]);
          else if (column === OUTCOME) {
            add(cell, "i", null, { class: "key", style: `background:var(--o${all[number][column]})` });
            cell.append(shown(all[number], column));
          } else cell.textContent = shown(all[number], column);
        });
      }
      status.textContent = `${count(rows.length)} of ${count(matching)} shown`;
      more.hidden = rows.length === matching;
    }
    const again = () => { limit = STEP; fill(); };
    input.addEventListener("input", again);
    select.addEventListener("change", again);
    more.addEventListener("click", () => { limit += STEP; fill(); });
    fill();
  }

  function comparison(parent) {
    const change = summary.comparison;
    if (!change) return;
    add(parent, "h2", "Compared with before");
    const total = (outcomes) => Math.max(1, OUTCOMES.reduce((sum, name) => sum + outcomes[name], 0));
    const share = (outcomes, name) => (100 * outcomes[name] / total(outcomes)).toFixed(1) + " %";
    plain(parent, "Outcomes", ["outcome", "before", "after"], OUTCOMES.map((name) =>
      [name, share(change.outcomes_before, name), share(summary.outcomes, name)]));
    plain(parent, "Causes", ["cause", "before", "after", "points"], change.causes.map((shift) =>
      [shift.diagnosis, shift.before, shift.after, (100 * shift.change_of_share).toFixed(1)]));
    const pair = (one) => [one.before.src, one.before.dst, one.before.dport, one.before.proto, one.before.app,
      one.after ? one.after.diagnosis : null];
    for (const [title, list] of [["Delivered before, failing now", change.newly_failing],
      ["Failing before, delivered now", change.repaired], ["Delivered before, not seen now", change.gone]]) {
      plain(parent, title, ["from", "to", "port", "protocol", "application", "cause now"], list.map(pair));
    }
  }

  function overview() {
    const tiles = add(main, "div", null, { class: "tiles" });
    OUTCOMES.forEach((name, number) => {
      const tile = add(tiles, "div", null, { class: "tile", style: `border-color:var(--o${number})` });
      add(tile, "b", count(summary.outcomes[name]));
      add(tile, "span", name);
    });
    if (summary.rejected > 0) {
      const tile = add(tiles, "div", null, { class: "tile" });
      add(tile, "b", count(summary.rejected));
      add(tile, "span", "lines that could not be read");
    }
    add(main, "h2", "Over time");
    chart(main, (step) => step.outcomes, OUTCOMES, ["o0", "o1", "o2", "o3"]);
    const causes = Object.entries(data.diagnoses).sort((one, other) => other[1].records - one[1].records);
    const most = Math.max(1, ...causes.map(([, cause]) => cause.records));
    plain(main, "Causes", ["records", "", "cause", ""], causes.map(([place, cause]) => [
      cause.records,
      (cell) => add(cell, "span", null, {
        class: cause.failing ? "bar failing" : "bar", style: `width:${Math.ceil(120 * cause.records / most)}px`,
      }),
      (cell) => link(cell, place),
      cause.cause,
    ]));
    plain(main, "Who fails with whom", ["failed", "went well", "from", "to", "port", "protocol", "mostly", "last failure"],
      summary.pairs.map((pair) => [pair.failures, pair.deliveries, pair.src, pair.dst, String(pair.dport),
        pair.proto, pair.diagnosis, pair.last_failure]));
    plain(main, "Services that fail for all", ["server", "port", "protocol", "clients, at least", "in a row", "since"],
      summary.services.map((one) => [one.dst, String(one.dport), one.proto, one.clients, one.failures_in_a_row,
        one.failing_since]));
    plain(main, "Scanners", ["source", "what it does"], summary.scans.map((scan) => [scan.src, scan.text]));
    plain(main, "What changed", ["at", "what", "how"], summary.changes.map((one) => [one.time, one.what, one.text]));
    plain(main, "Conversations logged as two sessions, one for each direction", ["one side", "the other"],
      summary.asymmetric.first);
    comparison(main);
    if (summary.forgotten) add(main, "p", summary.forgotten, { class: "note" });
    add(main, "h2", "Records");
    add(main, "p", data.note, { class: "note" });
    records(main, data.records, "records");
  }

  function cause(name) {
    const found = Object.entries(data.diagnoses).find(([, diagnosis]) => diagnosis.name === name);
    if (!found) return overview();
    const [place, diagnosis] = found;
    add(main, "p").appendChild(Object.assign(document.createElement("a"), { href: "#", textContent: "All causes" }));
    add(main, "h2", diagnosis.name);
    add(main, "p", diagnosis.cause);
    add(main, "p", count(diagnosis.records) + " records", { class: "note" });
    chart(main, (step) => [step.causes[place] || 0], [diagnosis.name], [diagnosis.failing ? "o2" : "o0"]);
    add(main, "h2", "Next step");
    add(main, "p", diagnosis.next_step);
    if (diagnosis.commands.length > 0) {
      add(main, "pre", diagnosis.commands.join("\n"));
      add(main, "p", "With the values of the first such record.", { class: "note" });
    }
    if (diagnosis.alternatives.length > 0) {
      add(main, "h2", "It could also be");
      const list = add(main, "dl");
      for (const other of diagnosis.alternatives) {
        add(list, "dt", other.cause);
        add(list, "dd", "What would tell: " + other.told_by);
      }
    }
    add(main, "h2", "Records");
    add(main, "p", data.note, { class: "note" });
    records(main, data.records.filter((record) => String(record[DIAGNOSIS]) === place), "records");
  }

  function route() {
    main.textContent = "";
    const [page, name] = location.hash.slice(1).split("/");
    if (page === "cause") cause(name);
    else overview();
    window.scrollTo(0, 0);
  }
  document.getElementById("files").textContent =
    `${count(summary.records)} records of ${data.files.join(", ")}`;
  window.addEventListener("hashchange", route);
  route();
})();
