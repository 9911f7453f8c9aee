// Lets a reader choose, sort, hide, search and look closer, and keeps all that in the page's address.
// Without this script the page has every number, in the order and with the reference of the results, and all charts but those in folds.
"use strict";
(() => {
  // Every browser that can show the page's colours can unpack its results; any other shows the page as it is written.
  if (!("DecompressionStream" in window)) return;

  // ---- Figures, written as figures.rs writes them.

  const TIME = [[1, "ns"], [1e3, "µs"], [1e6, "ms"], [1e9, "s"]];
  const MEMORY = [[1, "B"], [1024, "KiB"], [1048576, "MiB"], [1073741824, "GiB"]];
  const RATIO = [[1, "×"]];
  const COUNT = [[1, ""]];

  const ns = (value, other) => scale(value, TIME, other).withUnit(value);
  const bytes = (value, other) => scale(value, MEMORY, other).withUnit(value);
  const ratio = (value) => scale(value, RATIO).withUnit(value);
  const ratioInterval = (estimate) => scale(estimate.value, RATIO).interval(estimate);
  const count = (value) => scale(value, COUNT).withUnit(value);
  const whole = (value) => separated(String(value));
  const counted = (many, noun) => `${whole(many)} ${noun}${many === 1 ? "" : "s"}`;

  // A metric's value in a unit that suits it, and its interval.
  function metric({ unit, ...estimate }) {
    const of = (units, suffix = "") => {
      const form = scale(estimate.value, units);
      return { figure: form.withUnit(estimate.value) + suffix, interval: form.interval(estimate) };
    };
    switch (unit) {
      case "ns": case "ns/op": return of(TIME);
      case "bytes": case "bytes/op": return of(MEMORY);
      case "1": case "1/op": return of(COUNT);
      case "×": return of(RATIO);
      default: return of(COUNT, ` ${unit}`);
    }
  }

  // The figure that cells are ranked by: a time, unless it is a ratio.
  function overhead(found) {
    return metric({ ...found, unit: found.unit === "×" ? "×" : "ns/op" });
  }

  // Three significant digits, in the largest unit that leaves one before the point, of this or another value; never more than
  // four decimals.
  function scale(value, units, other = value) {
    const fits = ([size]) => Math.abs(other) >= size * 0.9995;
    const [divisor, unit] = [...units].reverse().find(fits) ?? units[0];
    const scaled = Math.abs(value) / divisor;
    const digits = scaled > 0 ? Math.floor(Math.log10(scaled * 1.0005)) + 1 : 1;
    const decimals = Math.min(Math.max(3 - digits, 0), 4);
    const number = (part) => separated(fixed(part / divisor, decimals));
    const space = unit === "" || unit === "×" ? "" : " ";
    return {
      withUnit: (part) => `${number(part)}${space}${unit}`,
      interval: ({ low, high }) => `[${number(low)}, ${number(high)}]`,
    };
  }

  // Halves go to the even digit, as in Rust; toFixed takes them away from zero.
  function fixed(value, decimals) {
    const power = 10 ** decimals;
    const shifted = Math.abs(value) * power;
    const half = shifted % 1 === 0.5 && Number.isInteger(value * 2 ** (decimals + 1));
    const down = half && Math.floor(shifted) % 2 === 0;
    return (down ? (Math.sign(value) * Math.floor(shifted)) / power : value).toFixed(decimals);
  }

  // Puts a comma before every third digit that precedes the point.
  function separated(number) {
    const [whole, fraction] = number.split(".");
    const written = whole.replace(/\B(?=(\d{3})+$)/g, ",");
    return fraction === undefined ? written : `${written}.${fraction}`;
  }

  // Writes a number digit for digit as the results do: each has a point or an exponent.
  function asWritten(value) {
    const size = Math.abs(value);
    if (value !== 0 && (size < 1e-5 || size >= 1e16)) return value.toExponential();
    return Number.isInteger(value) ? `${value}.0` : String(value);
  }

  // ---- The page as it was written.

  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const once = (make) => {
    let made;
    return () => (made ??= make());
  };
  const make = (name, kind, text) => {
    const element = document.createElement(name);
    if (kind) element.className = kind;
    element.textContent = text;
    return element;
  };
  const byLane = (row) => new Map(all(":scope > [data-lane]", row).map((cell) => [cell.dataset.lane, cell]));

  const root = document.documentElement;
  const form = document.getElementById("controls");
  const inForce = document.getElementById("in-force");
  const block = document.getElementById("results");
  const ahead = document.querySelector(".legend .ahead");
  const lead = document.querySelector(".legend .meaning");
  const limits = document.querySelector(".legend").dataset.limits.split(" ").map(Number);
  const races = all(".race").map(readRace);

  function readRace(section) {
    const table = section.querySelector("table.standings");
    const rows = all("tbody > tr[data-workload]", table).map((row) => {
      const { workload, size } = row.dataset;
      const home = row.parentElement;
      // The noise floor is none of the words to search for.
      const head = all(".what, .quantity", row.firstElementChild).map((part) => part.textContent).join(" ");
      const words = `${workload} ${home.dataset.group} ${head} ${home.dataset.also}`.toLowerCase();
      return { row, home, workload, size: Number(size), memory: size === undefined, words, squares: byLane(row) };
    });
    const head = table.tHead.rows[0];
    const heads = byLane(head);
    const foot = table.tFoot.rows[0];
    return {
      section, table, rows, heads,
      threads: Number(section.dataset.threads),
      mean: { row: foot, squares: byLane(foot) },
      meanOf: foot.querySelector("small"),
      lines: [head, ...rows.map(({ row }) => row), foot],
      lanes: [...heads.keys()],
      programs: new Set([...heads.keys()].filter((lane) => heads.get(lane).classList.contains("program"))),
      order: [...heads.keys()],
      groups: all("tbody.group", table),
      what: table.querySelector("caption .what"),
      unavailable: section.querySelector(".unavailable"),
      sorted: undefined,
    };
  }

  const rowName = ({ workload, size, memory }) => (memory ? workload : `${workload}/${size}`);

  // The words of the page's first state, to restore them.
  const written = {
    what: races[0]?.what.textContent ?? "",
    meanOf: races.map((race) => race.meanOf.textContent),
    lead: lead.textContent,
  };

  // ---- The results: unpacked once the page has been loaded, and parsed when squares have to be rewritten.

  async function unpack(base64) {
    const text = atob(base64);
    // Uint8Array.from would take ten times as long.
    const packed = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at += 1) packed[at] = text.charCodeAt(at);
    return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  let file;
  const loaded = new Promise((resolve) => addEventListener("load", () => setTimeout(resolve)));
  const ready = loaded.then(async () => {
    file = await unpack(block.textContent);
  });
  // The charts of folds are unpacked into their places, so that they are found and printed like all that is written.
  const complete = ready.then(async () => {
    const pieces = JSON.parse(await unpack(document.getElementById("folded").textContent));
    // The notes of all places come before the charts of all.
    all("[data-packed]").forEach((place, index, { length }) => {
      place.outerHTML = pieces[index] + pieces[length + index];
    });
  });
  const results = once(() => JSON.parse(file));
  const index = once(() => {
    const comparisons = new Map();
    for (const cell of results().cells) {
      const key = JSON.stringify([cell.workload, cell.size, cell.threads]);
      if (!comparisons.has(key)) comparisons.set(key, new Map());
      comparisons.get(key).set(cell.executor, cell);
    }
    return comparisons;
  });
  const comparison = (race, { workload, size }) =>
    index().get(JSON.stringify([workload, size, race.threads])) ?? new Map();
  const memory = (race, { workload }, lane) =>
    (results().memory ?? []).find(
      (one) => one.workload === workload && one.threads === race.threads && one.executor === lane,
    )?.bytes_a_task;
  const summary = (race) => results().summaries.find(({ threads }) => threads === race.threads);
  const isRow = (race, row) => (one) =>
    one.workload === row.workload && one.size === row.size && one.threads === race.threads;
  // The noise floor of a row, or in older files that of its measure.
  function floorOf(race, row) {
    const own = results().rows?.find(isRow(race, row));
    if (own) return own.floor;
    const measure = results().workloads.find(({ name }) => name === row.workload)?.measure;
    return results().noise?.floors?.[measure] ?? results().noise?.floor ?? 1;
  }

  // ---- The state: the choices of a reader.

  const values = (select) => [...select.options].map((option) => option.value);
  const boxes = (name) => all(`input[name="${name}"]`, form);
  const known = {
    metric: values(form.elements.metric),
    threads: values(form.elements.threads),
    reference: values(form.elements.reference),
    one: values(form.elements.one),
    other: values(form.elements.other),
    rows: values(form.elements.rows),
    hide: boxes("lane").map((box) => box.value),
    without: boxes("workload").map((box) => box.value),
    sort: [
      ...boxes("lane").map((box) => `lane:${box.value}`),
      ...races.flatMap((race) => race.rows.map((row) => `row:${rowName(row)}`)),
      "row:mean",
    ],
    theme: ["auto", "light", "dark"],
  };
  const defaults = {
    metric: known.metric.includes("overhead") ? "overhead" : known.metric[0],
    threads: known.threads[0],
    reference: "best",
    one: "",
    other: "",
    rows: "all",
    sort: "",
    hide: [],
    without: [],
    search: "",
    rate: "",
    theme: "auto",
  };
  let state = parsed(location.search);

  // Names are escaped; the colon, the slash and the comma between names are not, so that people can read an address.
  const escaped = (text) => encodeURIComponent(text).replaceAll("%3A", ":").replaceAll("%2F", "/");

  function address(state) {
    const parts = Object.entries(state)
      .filter(([name, value]) => String(value) !== String(defaults[name]))
      .map(([name, value]) => `${name}=${Array.isArray(value) ? value.map(escaped).join(",") : escaped(value)}`);
    return parts.length > 0 ? `?${parts.join("&")}` : "";
  }

  // Reads the state from an address, and leaves out values that are unknown or broken.
  function parsed(search) {
    const unescaped = (text) => {
      try {
        return decodeURIComponent(text.replaceAll("+", " "));
      } catch {
        return "";
      }
    };
    const given = new Map();
    for (const pair of search.slice(1).split("&")) {
      const equals = pair.indexOf("=");
      if (equals > 0) given.set(pair.slice(0, equals), pair.slice(equals + 1));
    }
    const one = (name) => {
      const value = unescaped(given.get(name) ?? "");
      return known[name].includes(value) ? value : defaults[name];
    };
    const several = (name) => {
      const chosen = (given.get(name) ?? "").split(",").map(unescaped);
      return known[name].filter((value) => chosen.includes(value));
    };
    const sort = unescaped(given.get("sort") ?? "");
    return {
      metric: one("metric"),
      threads: one("threads"),
      reference: one("reference"),
      one: one("one"),
      other: one("other"),
      rows: one("rows"),
      sort: known.sort.includes(sort.replace(/^-/, "")) ? sort : "",
      hide: several("hide"),
      without: several("without"),
      search: unescaped(given.get("search") ?? ""),
      rate: /^[1-9]\d{0,11}$/.test(given.get("rate") ?? "") ? given.get("rate") : "",
      theme: one("theme"),
    };
  }

  // ---- The content of a square: shade, mark, figure, detail, and the numbers to sort by.

  // Two lanes to set against each other, of which the second is the reference, or none.
  const pairOf = ({ one, other }) => (one !== "" && other !== "" && one !== other ? [one, other] : undefined);
  const referenceOf = (state) => pairOf(state)?.[1] ?? state.reference;
  const isVisible = (lane) => pairOf(state)?.includes(lane) ?? !state.hide.includes(lane);
  // Lanes whose ratio is surely below this are level.
  const LEVEL = 1.1;
  const none = (figure, detail) => ({ shade: "none", mark: "", figure, detail });
  const measured = (metric) => (metric && "value" in metric ? metric : undefined);
  const shade = (value) => {
    const index = (times) => limits.filter((limit) => times >= limit).length;
    return value < 1 ? `ahead-${index(1 / value)}` : `shade-${index(value)}`;
  };
  const least = (lanes, value) => {
    let best;
    for (const lane of lanes) if (best === undefined || value(lane) < value(best)) best = lane;
    return best;
  };

  // Makes a square for each lane of a row. A lane that was not measured keeps its text, because its reason does not change.
  function squares(race, row) {
    if (row === race.mean) return means(race);
    const cells = comparison(race, row);
    const ok = race.lanes.filter((lane) => row.memory || cells.get(lane)?.status === "ok");
    const found = (lane) => (row.memory ? memory(race, row, lane) : cells.get(lane).metrics[state.metric]);
    const [programs, lanes] = [true, false].map((which) => ok.filter((lane) => race.programs.has(lane) === which));
    const executors =
      state.metric === "overhead" && !row.memory
        ? ofOverhead(race, row, lanes, cells)
        : ofValues(new Map(lanes.map((lane) => [lane, found(lane)])));
    return new Map([...executors, ...programs.map((lane) => [lane, beside(found(lane))])]);
  }

  // Makes the square of a program: its own figure, compared with no other lane. Rows are sorted by it, for want of a ratio.
  function beside(found) {
    if (!measured(found)) {
      const without = state.metric === "overhead" ? "no overhead in the results" : "not in the results";
      return none("n/a", found?.unavailable ?? without);
    }
    const { figure, interval } = state.metric === "overhead" ? overhead(found) : metric(found);
    return { shade: "", mark: "", figure, detail: interval, value: found.value, ratio: found.value };
  }

  // Names what is known of a lane beside a reference, by the interval of their ratio: nothing if it is ahead or behind.
  function standing({ value, low, high }, floor) {
    if (low > floor || high < 1 / floor) return "";
    if (high <= LEVEL && low >= 1 / LEVEL) return "level";
    return high <= value * LEVEL && low >= value / LEVEL ? "near" : "open";
  }

  function ofOverhead(race, row, lanes, cells) {
    const chosen = referenceOf(state);
    const ranked = lanes.filter((lane) => {
      const cell = cells.get(lane);
      return measured(cell.metrics.overhead) && cell.ratio && cell.rank;
    });
    const value = (lane) => cells.get(lane).metrics.overhead.value;
    const best = least(ranked.filter((lane) => cells.get(lane).rank === 1), value);
    const shown = least(ranked.filter(isVisible), value);
    const leader = chosen === "visible" && shown !== undefined ? shown : best;
    // The reference is the best of all, whose ratios allow for its being picked, or a lane whose ratios are those of the pair.
    const toLane = known.hide.includes(chosen);
    const reference = toLane ? chosen : leader;
    const toBest = reference === best && !toLane;
    const floor = floorOf(race, row);
    return new Map(lanes.map((lane) => {
      if (!ranked.includes(lane)) return [lane, none("n/a", "no overhead in the results")];
      const cell = cells.get(lane);
      const itself = { value: 1, low: 1, high: 1 };
      const estimate = toBest ? cell.ratio : lane === reference ? itself : cell.ratios?.[reference];
      const mark =
        lane === reference ? (toLane ? "" : "best")
        : !estimate ? ""
        : toBest ? (cell.rank !== 1 ? "" : cell.undecided ? "open" : cell.near ? "near" : "level")
        : standing(estimate, floor);
      // Blue is for the reference and lanes that are level with it. Any other has the shade of its own ratio.
      const look =
        lane === reference || mark === "level" ? "lead"
        : !estimate ? ""
        : `${shade(toLane ? estimate.value : Math.max(estimate.value, 1))}${mark === "open" ? " open" : ""}`;
      const detail = !estimate ? `no ratio to ${reference}`
        : toBest && mark === "open" ? bounds(estimate)
        : estimate.low === estimate.high ? ratio(estimate.value)
        : `${ratio(estimate.value)} ${ratioInterval(estimate)}`;
      return [lane, { shade: look, mark, figure: overhead(cell.metrics.overhead).figure, detail, value: value(lane), ratio: estimate?.value }];
    }));
  }

  // Writes a ratio to the best that may be anything from level to far behind, and what is known of it.
  const bounds = ({ value, low, high }) =>
    `${ratio(value)}, between ${low <= LEVEL ? "level" : ratio(low)} and ${ratio(high)}`;

  // Makes the squares of any other metric. No statistics were applied to it, so a ratio is a quotient and has no interval.
  function ofValues(metrics) {
    const chosen = referenceOf(state);
    const having = [...metrics.keys()].filter((lane) => measured(metrics.get(lane)));
    const value = (lane) => metrics.get(lane).value;
    const lowest = least(chosen === "visible" ? having.filter(isVisible) : having, value);
    const toLane = known.hide.includes(chosen);
    const reference = toLane ? chosen : lowest;
    return new Map([...metrics].map(([lane, found]) => {
      if (!measured(found)) return [lane, none("n/a", found?.unavailable ?? "not in the results")];
      const { figure, interval } = metric(found);
      const times = having.includes(reference) && value(reference) > 0 ? value(lane) / value(reference) : undefined;
      const isLeast = !toLane && value(lane) === value(lowest);
      const look = isLeast || (toLane && lane === reference) ? "lead" : times === undefined ? "" : shade(times);
      const mark = isLeast ? "least" : times === undefined ? "" : ratio(times);
      return [lane, { shade: look, mark, figure, detail: interval, value: value(lane), ratio: times }];
    }));
  }

  function means(race) {
    const chosen = referenceOf(state);
    const { comparisons, reference: best, lanes } = summary(race) ?? { comparisons: 0, lanes: [] };
    const known = new Map(lanes.map((lane) => [lane.executor, lane]));
    const whole = race.lanes.filter((lane) => known.get(lane)?.geomean);
    const shown = least(whole.filter(isVisible), (lane) => known.get(lane).geomean.value);
    const reference =
      chosen === "best" ? best : chosen === "visible" ? (shown ?? best) : chosen;
    return new Map(race.lanes.map((lane) => {
      if (race.programs.has(lane)) return [lane, none("beside", "")];
      if (state.metric !== "overhead") return [lane, none("n/a", "only of overhead")];
      const found = known.get(lane);
      if (!found?.geomean) return [lane, none("n/a", `ran ${found?.cells ?? 0} of ${comparisons}`)];
      const own = reference === best ? found.geomean : found.ratios?.[reference];
      const estimate = lane === reference ? { value: 1, low: 1, high: 1 } : own;
      if (!estimate) return [lane, none("n/a", `no ratio to ${reference}`)];
      const written = { figure: ratio(estimate.value), detail: ratioInterval(estimate) };
      return [lane, { shade: "", mark: "", ...written, value: found.geomean.value, ratio: estimate.value }];
    }));
  }

  // ---- Showing a state: the content is computed first, then written in one go.

  let shown = { content: contentOf(defaults), theme: "auto" };

  // Returns a key of everything that the text of the squares depends on.
  function contentOf(state) {
    const reference = referenceOf(state);
    return JSON.stringify([state.metric, reference, reference === "visible" ? state.hide : []]);
  }

  // Any other content than that of the first state needs the results.
  const needsResults = () => shown.content !== contentOf(state) || state.sort !== "" || state.rows !== "all";

  function show() {
    // The choice shows at once; its numbers may have to wait.
    if (state.theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = state.theme;
    fillForm();
    if (file === undefined && needsResults()) return ready.then(show);
    const content = contentOf(state);
    const plans = races.map((race) => plan(race, content !== shown.content));
    shown.content = content;
    races.forEach((race, place) => write(race, plans[place], place));
    const toLane = known.hide.includes(referenceOf(state));
    ahead.hidden = !toLane;
    lead.textContent = toLane ? "the reference" : state.metric === defaults.metric ? written.lead : "the least";
    const current = races.findIndex((race) => String(race.threads) === state.threads);
    const words = current < 0 ? "" : inWords(races[current], plans[current]);
    if (inForce.textContent !== words) inForce.textContent = words;
    document.dispatchEvent(new Event("shown"));
    inForce.classList.toggle("chosen", address({ ...state, theme: "auto", threads: defaults.threads }) !== "");
  }

  function plan(race, anew) {
    const byMemory = state.metric === "bytes-a-task";
    const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
    const asked = (row) =>
      !state.without.includes(row.workload) && words.every((word) => row.words.includes(word)) && isOfKind(race, row);
    const hasFigure = (row) => state.metric === "overhead" || byMemory || hasMetric(race, row);
    const ofMetric = race.rows.filter((row) => row.memory === byMemory);
    const eligible = ofMetric.filter(hasFigure);
    const written = new Map(anew ? [...eligible, race.mean].map((row) => [row, squares(race, row)]) : []);
    const of = (row) => written.get(row) ?? squares(race, row);
    const [, back, kind, name] = /^(-?)(lane|row):(.*)$/s.exec(state.sort) ?? [];
    const sign = back ? -1 : 1;
    const sorted = (list, key) => {
      const keys = new Map(list.map((item) => [item, key(item)]));
      const missing = (item) => (keys.get(item) === undefined ? 1 : 0);
      return [...list].sort((a, b) => missing(a) - missing(b) || sign * ((keys.get(a) ?? 0) - (keys.get(b) ?? 0)));
    };
    // Programs stay beside, sorted among themselves.
    const sortedLanes = (key) => {
      const [lanes, programs] = [false, true].map((which) => race.lanes.filter((lane) => race.programs.has(lane) === which));
      return [...sorted(lanes, key), ...sorted(programs, key)];
    };
    const column = kind === "lane" && race.lanes.includes(name);
    const keyRow = kind !== "row" ? undefined : name === "mean" ? race.mean : race.rows.find((row) => rowName(row) === name);
    const figures = keyRow && of(keyRow);
    return {
      written,
      visible: new Set(eligible.filter(asked)),
      eligible,
      without: ofMetric.length - eligible.length,
      rows: column ? sorted(race.rows, (row) => (eligible.includes(row) ? of(row).get(name)?.ratio : undefined)) : undefined,
      lanes: figures ? sortedLanes((lane) => figures.get(lane)?.value) : race.lanes,
      head: column ? race.heads.get(name) : keyRow?.row.firstElementChild,
    };
  }

  // Tells whether any lane of a row has the metric that is chosen.
  function hasMetric(race, row) {
    const cells = [...comparison(race, row).values()].filter(({ executor }) => race.heads.has(executor));
    return cells.some(({ metrics }) => measured(metrics[state.metric]));
  }

  // Tells whether a row shows what the reader asked for: a difference, or a comparison that is settled or open. The memory of
  // tasks has neither.
  function isOfKind(race, row) {
    if (state.rows === "all" || row.memory) return true;
    if (state.rows === "differs") return differs(race, row);
    const found = results().rows?.find(isRow(race, row));
    return found !== undefined && (found.open.length === 0) === (state.rows === "settled");
  }

  // Tells whether a lane is behind; of a pair, whether the interval of their ratio lies beyond the noise floor.
  function differs(race, row) {
    const cells = comparison(race, row);
    const pair = pairOf(state);
    if (!pair) return [...cells.values()].some(({ rank }) => rank > 1);
    const estimate = cells.get(pair[0])?.ratios?.[pair[1]];
    const floor = floorOf(race, row);
    return estimate !== undefined && (estimate.low > floor || estimate.high < 1 / floor);
  }

  function write(race, plan, place) {
    race.section.hidden = String(race.threads) !== state.threads;
    for (const [row, squares] of plan.written) {
      for (const [lane, square] of squares) writeSquare(row.squares.get(lane), square, race.programs.has(lane));
    }
    if (plan.written.size > 0) writeWords(race, plan, place);
    if (plan.lanes.some((lane, place) => lane !== race.order[place])) {
      for (const line of race.lines) {
        const cells = byLane(line);
        line.append(...plan.lanes.map((lane) => cells.get(lane)));
      }
      race.order = plan.lanes;
    }
    if (plan.rows) {
      if (!race.sorted) {
        race.sorted = document.createElement("tbody");
        race.table.tHead.after(race.sorted);
      }
      race.sorted.append(...plan.rows.map(({ row }) => row));
    } else if (race.sorted) {
      for (const { row, home } of race.rows) home.append(row);
      race.sorted.remove();
      race.sorted = undefined;
    }
    for (const row of race.rows) {
      row.row.hidden = !plan.visible.has(row);
      if (row.memory) row.home.hidden = !plan.visible.has(row);
    }
    for (const group of race.groups) {
      const rows = race.rows.filter((row) => row.home.dataset.group === group.dataset.group);
      group.hidden = plan.rows !== undefined || !rows.some((row) => !row.memory && plan.visible.has(row));
    }
    for (const line of race.lines) {
      for (const cell of line.children) if (cell.dataset.lane !== undefined) cell.hidden = !isVisible(cell.dataset.lane);
    }
    const across = race.lanes.filter(isVisible).length + 1;
    race.table.classList.toggle("wide", across > 9);
    for (const group of race.groups) group.rows[0].cells[0].colSpan = across;
    for (const head of all("[aria-sort]", race.table)) if (head !== plan.head) head.removeAttribute("aria-sort");
    plan.head?.setAttribute("aria-sort", state.sort.startsWith("-") ? "descending" : "ascending");
  }

  function writeSquare(element, { shade, mark, figure, detail }, isProgram) {
    const known = all(":scope > .known", element);
    element.className = isProgram ? `${shade} program`.trim() : shade;
    if (figure === "n/a" && !element.closest("tfoot")) {
      const dash = make("abbr", "", "–");
      dash.title = detail;
      return element.replaceChildren(dash, ...known);
    }
    const part = make("span", "detail", "");
    const end = detail.startsWith("[") ? 0 : detail.indexOf("×") + 1 || detail.length;
    part.append(detail.slice(0, end), ...(end < detail.length ? [make("span", "more", detail.slice(end))] : []));
    element.replaceChildren(
      ...(mark ? [make("span", "mark", mark), " "] : []),
      make("b", "", figure),
      ...known,
      part,
    );
  }

  // Writes the words around the table that depend on the metric and the reference.
  function writeWords(race, plan, place) {
    const isWritten = shown.content === contentOf(defaults);
    race.what.textContent = isWritten ? written.what : `${sentence()} [95 % interval]`;
    race.meanOf.textContent = state.metric === "overhead" ? written.meanOf[place] : "only of overhead";
    const reasons = new Set();
    for (const [row, squares] of plan.written) {
      if (row === race.mean || !plan.visible.has(row)) continue;
      for (const { figure, detail } of squares.values()) if (figure === "n/a") reasons.add(detail);
    }
    race.unavailable.textContent = reasons.size > 0 ? `– ${[...reasons].join("; ")}.` : "";
    race.unavailable.hidden = reasons.size === 0;
  }

  function sentence() {
    const name = form.elements.metric.options[known.metric.indexOf(state.metric)].text;
    const ofRow = state.metric === "overhead" ? "best" : "least";
    const chosen = referenceOf(state);
    const reference =
      chosen === "best" ? `the ${ofRow} of each row`
      : chosen === "visible" ? `the ${ofRow} visible of each row`
      : chosen;
    return `${name[0].toUpperCase()}${name.slice(1)}, with its ratio to ${reference}`;
  }

  // Describes the rows that are shown, if not all are.
  function kind() {
    switch (state.rows) {
      case "differs": return pairOf(state) ? "in which these two differ by more than the noise floor" : "in which a lane is behind";
      case "settled": return "that are settled";
      case "open": return "that are not settled";
      default: return "";
    }
  }

  // Writes the metric and the reference in force, and the number of hidden lanes and rows.
  function inWords(race, plan) {
    const lanes = race.lanes.filter((lane) => !isVisible(lane)).length;
    const rows = plan.eligible.length - plan.visible.size;
    const parts = [];
    if (lanes > 0) parts.push(`${lanes} of ${counted(race.lanes.length, "lane")}`);
    if (rows > 0) parts.push(`${rows} of ${counted(plan.eligible.length, "row")}`);
    const said = [`${sentence()}.`];
    if (kind() !== "" && !plan.eligible.some((row) => row.memory)) said.push(`Only rows ${kind()}.`);
    const name = form.elements.metric.options[known.metric.indexOf(state.metric)].text;
    if (plan.without > 0) said.push(`${counted(plan.without, "row")} without ${name} left out.`);
    else if (plan.eligible.length === 0) said.push(`Not measured at ${counted(race.threads, "thread")}.`);
    if (state.metric !== "overhead") said.push("Its ratios have no interval and no mean; the verdicts are on overhead.");
    if (plan.visible.size === 0 && state.search !== "" && plan.eligible.length > 0) {
      said.push(`No row matches “${state.search.trim()}”: try ${inForce.dataset.suggested}.`);
    }
    if (parts.length === 0) said.push("Nothing is hidden.");
    else {
      const depends = referenceOf(state) === "visible" && lanes > 0;
      const effect = depends ? "the ratios depend on which lanes are shown" : "no number depends on that";
      said.push(`${parts.join(" and ")} hidden: ${effect}.`);
      if (rows > 0 && state.metric === "overhead") said.push("The mean is still over all rows.");
    }
    return said.join(" ");
  }

  function fillForm() {
    const { elements } = form;
    for (const name of ["metric", "threads", "reference", "one", "other", "rows"]) elements[name].value = state[name];
    // A pair is its own reference, and hides all other lanes.
    for (const control of [elements.reference, ...boxes("lane")]) control.disabled = pairOf(state) !== undefined;
    if (elements.search.value !== state.search) elements.search.value = state.search;
    for (const box of boxes("lane")) box.checked = !state.hide.includes(box.value);
    for (const box of boxes("workload")) box.checked = !state.without.includes(box.value);
    elements.theme.textContent = `Theme: ${state.theme}`;
    elements.reset.disabled = address({ ...state, theme: "auto" }) === "";
  }

  // ---- The actions of a reader.

  function choose(change) {
    const before = address(state);
    state = { ...state, ...change };
    const now = address(state);
    if (now === before) return;
    show();
    history.replaceState(null, "", (now || location.pathname) + location.hash);
  }

  function readForm() {
    const { metric, threads, reference, one, other, rows, search } = form.elements;
    choose({
      metric: metric.value,
      threads: threads.value,
      reference: reference.value,
      one: one.value,
      other: other.value,
      rows: rows.value,
      search: search.value.trim() === "" ? "" : search.value,
      hide: boxes("lane").filter((box) => !box.checked).map((box) => box.value),
      without: boxes("workload").filter((box) => !box.checked).map((box) => box.value),
    });
  }

  // Ascending, descending, and back to the order of the results.
  function sortBy(key) {
    choose({ sort: state.sort === key ? `-${key}` : state.sort === `-${key}` ? "" : key });
  }

  function addSortButtons() {
    const button = (label, key) => {
      const made = make("button", "sort", "");
      made.type = "button";
      made.title = label;
      made.addEventListener("click", () => sortBy(key));
      return made;
    };
    // Makes a button without text.
    const named = (label, key) => {
      const made = button(label, key);
      made.setAttribute("aria-label", label);
      return made;
    };
    for (const race of races) {
      for (const [lane, head] of race.heads) {
        const name = head.querySelector(".name");
        const sort = button(`Sort the rows by ${lane}`, `lane:${lane}`);
        sort.append(...name.childNodes);
        name.append(sort);
      }
      for (const row of race.rows) {
        const name = row.memory ? row.workload : `${row.workload}, ${row.row.querySelector(".size").textContent}`;
        row.row.firstElementChild.append(named(`Sort the lanes by ${name}`, `row:${rowName(row)}`));
      }
      race.mean.row.firstElementChild.append(named("Sort the lanes by their mean", "row:mean"));
    }
  }

  // A link back to the rows of a workload shows the number of threads that they are at.
  document.addEventListener("click", ({ target }) => {
    const threads = target.closest?.("a.back")?.dataset.threads;
    if (threads !== undefined) choose({ threads });
  });

  addSortButtons();
  form.hidden = false;
  form.addEventListener("change", readForm);
  form.addEventListener("input", readForm);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.elements.theme.addEventListener("click", () => {
    choose({ theme: known.theme[(known.theme.indexOf(state.theme) + 1) % known.theme.length] });
  });
  form.elements.reset.addEventListener("click", () => choose({ ...defaults, theme: state.theme }));
  addEventListener("popstate", () => {
    state = parsed(location.search);
    show();
  });

  // A menu closes when the reader goes elsewhere.
  const menus = all(".menu", form);
  const closeMenus = (except) => {
    for (const menu of menus) if (menu !== except) menu.open = false;
  };
  for (const kind of ["pointerdown", "focusin"]) {
    document.addEventListener(kind, (event) => closeMenus(event.target.closest?.(".menu")));
  }

  // ---- A closer look: the text of a mark, and all that belongs to a lane.

  const tip = make("div", "", "");
  tip.id = "tip";
  tip.role = "tooltip";
  tip.hidden = true;
  document.body.append(tip);
  let tipped;

  function showTip(mark) {
    if (mark === tipped) return;
    tipped?.removeAttribute("aria-describedby");
    tipped = mark;
    tip.hidden = mark === undefined;
    if (!mark) return;
    // The text stands in the attribute or, if that is empty, in the title only. The title goes, else it is shown twice.
    const title = mark.querySelector(":scope > title");
    if (title) {
      mark.dataset.tip ||= title.textContent;
      mark.setAttribute("aria-label", title.textContent);
      title.remove();
    }
    tip.textContent = mark.dataset.tip;
    mark.setAttribute("aria-describedby", "tip");
    const at = mark.getBoundingClientRect();
    const { width, height } = tip.getBoundingClientRect();
    const left = Math.min(Math.max(at.left + at.width / 2 - width / 2, 8), root.clientWidth - width - 8);
    const above = at.top - height - 8;
    tip.style.left = `${Math.max(left, 0)}px`;
    tip.style.top = `${above >= 0 ? above : Math.min(at.bottom + 8, Math.max(innerHeight - height, 0))}px`;
  }

  // Charts identify a lane by its marker, which is shorter than its name, and tables of figures by their heads.
  const nameLanes = once(() => {
    const names = new Map(all(".markers [data-name]").map((marker) => [`#${marker.id}`, marker.dataset.name]));
    for (const group of all(".chart > g")) {
      group.dataset.lane = all("use", group).map((use) => names.get(use.getAttribute("href"))).find(Boolean) ?? "";
    }
    for (const row of all(".figures tbody tr:not(.workload)")) row.dataset.lane = row.cells[0].textContent.trim();
  });

  const ofLane = once(() => {
    const found = new Map();
    for (const element of all("[data-lane]")) {
      const { lane } = element.dataset;
      if (!found.has(lane)) found.set(lane, []);
      found.get(lane).push(element);
    }
    return found;
  });
  let lit;
  let lighting;

  function light(lane) {
    cancelAnimationFrame(lighting);
    if (lane === lit) return;
    lighting = requestAnimationFrame(() => {
      for (const element of ofLane().get(lit) ?? []) element.classList.remove("lit");
      for (const element of ofLane().get(lane) ?? []) element.classList.add("lit");
      root.classList.toggle("lit", lane !== undefined);
      lit = lane;
    });
  }

  // Lanes are looked for once, so not before all of them are there.
  for (const kind of ["pointerover", "focusin"]) {
    document.addEventListener(kind, async ({ target }) => {
      await complete;
      nameLanes();
      showTip(target.closest?.("[data-tip]") ?? undefined);
      light(target.closest?.("[data-lane]")?.dataset.lane);
    });
  }
  addEventListener("scroll", () => showTip(undefined), { passive: true, capture: true });
  document.documentElement.addEventListener("pointerleave", () => {
    showTip(undefined);
    light(undefined);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (tipped) showTip(undefined);
    else closeMenus();
  });

  // ---- Heads that stay in sight, where a table needs no box to scroll in.

  const observer = new ResizeObserver((entries) => {
    const boxes = new Set(entries.map(({ target }) => target.closest(".scroll")));
    const fit = [...boxes].map((box) => [box, box.firstElementChild.offsetWidth <= box.clientWidth]);
    for (const [box, fits] of fit) box.classList.toggle("fits", fits);
  });
  for (const { table } of races) {
    observer.observe(table);
    observer.observe(table.parentElement);
  }

  // ---- The rows of the results, as export.rs writes them.

  const COLUMNS = ["workload", "size", "threads", "executor", "status", "reason", "metric", "unit", "value", "low", "high", "blocks",
    "ratio", "ratio-low", "ratio-high", "rank", "tied", "undecided", "near", "size-counts", "measure", "quota", "build",
    "standing", "package", "version"];

  function csvOf({ run, cells, workloads, executors, grain = [] }) {
    const { quota, build = "" } = run.conditions ?? {};
    const conditions = [quota === undefined ? "" : asWritten(quota), build];
    const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const kinds = new Map(workloads.map(({ name, size, measure }) => [name, [size ?? "", measure ?? ""]]));
    // A standing with an advisory is an object of one field.
    const wordOf = (standing = "") => (typeof standing === "string" ? standing : Object.keys(standing)[0]);
    const lanes = new Map(executors.map(({ name, standing, package: its = "", version }) => [name, [wordOf(standing), its, version]]));
    const rows = cells.flatMap((cell) => {
      const metrics = Object.entries(cell.metrics);
      const found = metrics.length > 0 ? metrics : [["", undefined]];
      const kind = [...(kinds.get(cell.workload) ?? ["", ""]), ...conditions, ...(lanes.get(cell.executor) ?? ["", "", ""])];
      return found.map(([name, metric]) => csvRow(cell, name, metric, kind));
    });
    const ofCurves = grain.flatMap((curve) =>
      curve.lanes.flatMap((lane) =>
        [["metg-50", lane["metg_50"]], ["metg-90", lane["metg_90"]]].map(([name, metric]) => csvRowOfCurve(curve, lane, name, metric)),
      ),
    );
    return [COLUMNS, ...rows, ...ofCurves].map((row) => `${row.map((field) => quoted(String(field))).join(",")}\n`).join("");
  }

  // A figure over all sizes of a workload: its row has no size, and no place.
  function csvRowOfCurve({ workload, threads }, { executor }, name, metric) {
    const figures = measured(metric) ? [metric.unit, ...[metric.value, metric.low, metric.high].map(asWritten)] : ["", "", "", ""];
    const row = [workload, "", threads, executor, "ok", metric.unavailable ?? "", name, ...figures];
    return COLUMNS.map((_, place) => row[place] ?? "");
  }

  function csvRow(cell, name, metric, kind) {
    const { workload, size, threads, executor, status, rank = "", tied, undecided = false, near = false } = cell;
    const numbers = (estimate) =>
      estimate ? [estimate.value, estimate.low, estimate.high].map(asWritten) : ["", "", ""];
    const figures = measured(metric)
      ? [metric.unit, ...numbers(metric), metric.blocks.map(asWritten).join(" ")]
      : ["", "", "", "", ""];
    const reason = metric?.unavailable ?? cell.reason ?? "";
    return [
      workload, size, threads, executor, status, reason, name, ...figures, ...numbers(cell.ratio), rank, tied, undecided, near, ...kind,
    ];
  }

  // ---- The files, when the page has come to rest: the results as they are, their rows, and the tables unpacked.

  async function offerFiles() {
    await complete;
    const offer = (link, text, type) => {
      link.href = URL.createObjectURL(new Blob([text], { type }));
      link.parentElement.hidden = false;
    };
    offer(json, file, "application/json");
    offer(csv, csvOf(results()), "text/csv");
    offer(markdown, await unpack(markdown.href.split(",")[1]), "text/markdown");
    markdown.textContent = markdown.download = markdown.download.replace(".gz", "");
    document.querySelector("#downloads .unpacked").hidden = true;
  }

  const [json, csv, markdown] = all("#downloads a[download]");

  // For the first screen, and for tests.
  window.photofinish = {
    ready: complete, results, isVisible, choose, readForm,
    figures: { ns, bytes, ratio, ratioInterval, count, whole, counted, metric, fixed, separated, asWritten },
    state: () => state,
    squares: (threads, workload, size) => {
      const race = races.find((race) => race.threads === threads);
      return squares(race, race.rows.find((row) => row.workload === workload && row.size === size));
    },
  };
  show();
  offerFiles();
})();
