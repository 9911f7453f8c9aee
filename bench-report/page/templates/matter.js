// A reader's own rate: the section "Does it matter?" and the squares of the table say what it costs in cores, in the words of cores.rs.
(() => {
  const page = window.photofinish;
  const place = document.getElementById("matter");
  if (!page || !place) return;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (name, text, kind) => Object.assign(document.createElement(name), { textContent: text, className: kind ?? "" });

  // ---- The words, as cores.rs writes them.

  const LEAST = 0.001;
  const SECOND = 1e9;
  const { fixed, separated } = page.figures;
  // Two significant digits.
  const decimals = (size) => Math.min(Math.max(1 - Math.floor(Math.log10(size * 1.005)), 0), 4);
  const number = (value, decimals) => separated(fixed(value, decimals));
  const way = (cores) => (cores < 0 ? "less" : "more");
  const least = (cells, value) => cells.reduce((best, cell) => (best === undefined || value(cell) < value(best) ? cell : best), undefined);

  // Writes a number of cores; a square has no room for the noun of a part.
  function ofACore(cores, noun = " of a core") {
    const size = Math.abs(cores);
    if (size < LEAST) return `under ${LEAST}${noun}`;
    return `${number(size, decimals(size))}${size * 1.005 < 1 ? noun : " cores"}`;
  }

  // Writes a difference in cores in two parts: how much, and its interval if it is settled.
  function difference({ value, low, high }, noun) {
    const settled = low > 0 || high < 0;
    if (Math.max(Math.abs(low), Math.abs(high)) < LEAST) return [`under ${LEAST}${noun ?? " of a core"} ${settled ? way(value) : "either way"}`, ""];
    if (!settled) {
      const side = (cores) => (Math.abs(cores) < LEAST ? "nothing" : `${ofACore(cores, noun)} ${way(cores)}`);
      return ["not settled", `: between ${side(low)} and ${side(high)}`];
    }
    const digits = decimals(Math.max(Math.abs(value), LEAST));
    const [from, to] = (value < 0 ? [-high, -low] : [low, high]).map((end) => number(end, digits));
    // A line may break before the interval, but not within it.
    return [`${ofACore(value, noun)} ${way(value)}`, ` [${from},\u00a0${to}]`];
  }

  const times = ({ value, low, high }, factor) => ({ value: value * factor, low: low * factor, high: high * factor });
  // The interval of a difference is made of both intervals, as Estimate::minus does it.
  function minus(one, other) {
    const value = one.value - other.value;
    return {
      value,
      low: value - Math.hypot(one.value - one.low, other.high - other.value),
      high: value + Math.hypot(one.high - one.value, other.value - other.low),
    };
  }

  // ---- The cost of an operation: processor time where it was counted, and else a bound by the clock.

  function costOf({ metrics, threads }) {
    const { cpu, overhead } = metrics;
    if (cpu?.unit === "ns/op" && cpu.value > 0) return { ns: cpu, basis: "processors" };
    if (overhead?.value === undefined || overhead.unit === "×") return undefined;
    return { ns: times(overhead, threads), basis: threads > 1 ? "clock of several" : "clock" };
  }
  const moreThan = (one, other) =>
    one.basis === other.basis && one.basis !== "clock of several" ? minus(one.ns, other.ns) : undefined;

  const processors = Number(place.dataset.processors) || undefined;
  function excess({ ns, basis }, rate) {
    const exceeds = processors !== undefined && basis === "processors" && (ns.value * rate) / SECOND > processors;
    return exceeds ? `more than the ${processors} of this machine` : "";
  }
  const boundOf = ({ basis }) => (basis === "processors" ? "" : "at most ");
  function coresAt(cost, rate) {
    const cores = `${boundOf(cost)}${ofACore((cost.ns.value * rate) / SECOND)}`;
    const beyond = excess(cost, rate);
    return beyond ? `${cores}, ${beyond}` : cores;
  }

  // ---- The rate that a reader gives.

  const MOST = 1e12 - 1;
  const FACTORS = { "": 1, k: 1e3, m: 1e6 };

  // Reads "50000", "50,000", "50.000", "50 000", "50k", "1.5k", "5e4"; undefined if it is none of these, or out of range.
  function rateOf(text) {
    const plain = text.trim().toLowerCase().replace(/[\s_'’]/g, "");
    const grouped = /^\d{1,3}([.,]\d{3})+$/.test(plain) ? plain.replace(/[.,]/g, "") : plain;
    const [, digits, power, factor] = /^(\d+(?:[.,]\d+)?)(e\d{1,3})?([km]?)$/.exec(grouped) ?? [];
    if (digits === undefined || (power && factor)) return undefined;
    const rate = Math.round(Number(`${digits.replace(",", ".")}${power ?? ""}`) * FACTORS[factor]);
    return rate >= 1 && rate <= MOST ? rate : undefined;
  }

  const form = document.getElementById("rate");
  const field = form.elements.rate;
  const said = document.getElementById("rate-said");

  function say(rate) {
    const isNone = field.value.trim() !== "" && rateOf(field.value) === undefined;
    if (isNone) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
    said.classList.toggle("invalid", isNone);
    const words = isNone
      ? `“${field.value.trim().slice(0, 40)}” is no rate: write a number from 1 to ${separated(String(MOST))}, such as 50,000 or 50k.`
      : rate === undefined ? ""
      : `${separated(String(rate))} a second: what that costs in cores stands here, and in each row of the table that measures time on the clock.`;
    if (said.textContent !== words) said.textContent = words;
  }

  // ---- The section: of each kind of work the row in which most is at stake among the lanes that are visible.

  const races = all(".matter-of", place).map((section) => {
    const table = section.querySelector("table");
    return { section, table, threads: Number(section.dataset.threads), head: table.tHead.rows[0], written: [...table.tHead.rows[0].cells].slice(1), bodies: [...table.tBodies] };
  });
  let index;
  function comparisons() {
    if (index) return index;
    index = new Map();
    for (const cell of page.results().cells) {
      const key = `${cell.workload}/${cell.size}/${cell.threads}`;
      if (!index.has(key)) index.set(key, []);
      index.get(key).push(cell);
    }
    return index;
  }
  const overheadOf = ({ metrics }) => metrics.overhead.value;

  // Returns the costs of the visible lanes of a comparison, the best first; undefined if the best has none.
  function costlyRow(cells) {
    const ranked = cells.filter((cell) => cell.rank && page.isVisible(cell.executor));
    const best = least(ranked, overheadOf);
    const cost = best && costOf(best);
    if (!cost) return undefined;
    const others = ranked.filter((cell) => cell !== best).map((cell) => {
      const own = costOf(cell);
      return { cell, own, more: own && moreThan(own, cost) };
    }).filter(({ more }) => more);
    const dearest = others.filter(({ more }) => more.value > 0).reduce((most, one) => (most && most.more.value > one.more.value ? most : one), undefined);
    return { best, cost, others, dearest, stake: dearest?.more.value ?? 0 };
  }

  function rowsOf(race) {
    const found = new Map();
    for (const { name, group = "", measure } of page.results().workloads) {
      if (measure) continue;
      for (const cells of comparisons().values()) {
        if (cells[0].workload !== name || cells[0].threads !== race.threads) continue;
        const row = costlyRow(cells);
        const known = found.get(group);
        if (!row) continue;
        if (!known || known.stake < row.stake || (known.stake === row.stake && known.cost.ns.value < row.cost.ns.value)) found.set(group, row);
      }
    }
    return found;
  }

  // Writes the lanes of a row at some rates: the best, the one that most readers have, and the dearest.
  function body(group, { best, cost, others, dearest }, rates) {
    const made = make("tbody", "");
    made.dataset.group = group;
    const head = make("th", "");
    Object.assign(head, { colSpan: rates.length + 1, scope: "rowgroup" });
    const row = document.querySelector(`.standings tr[data-workload="${CSS.escape(best.workload)}"][data-size="${best.size}"]`);
    const link = row.querySelector("a").cloneNode(true);
    head.append(make("span", ""));
    head.firstChild.append(make("small", group), " ", link, " ", make("small", row.querySelector(".size").textContent));
    const first = make("tr", "", "workload");
    first.append(head);
    made.append(first);
    const line = ({ executor }, role, write) => {
      const name = make("th", "");
      Object.assign(name, { scope: "row" });
      name.append(document.querySelector(`#controls label[data-lane="${CSS.escape(executor)}"] svg`).cloneNode(true), " ", make("span", executor));
      if (role) name.append(" ", make("small", role));
      const line = make("tr", "");
      line.append(name, ...rates.map((rate) => make("td", write(rate))));
      made.append(line);
    };
    line(best, "best", (rate) => coresAt(cost, rate));
    const shown = others.filter((other) => other.cell.executor === place.dataset.common && other !== dearest);
    if (dearest) shown.push(dearest);
    for (const other of shown) {
      line(other.cell, other === dearest ? "dearest" : "", (rate) => {
        const more = difference(times(other.more, rate / SECOND)).join("");
        return excess(other.own, rate) ? `${more}: ${coresAt(other.own, rate)}` : more;
      });
    }
    return made;
  }

  // The page as it was written serves all lanes at three rates.
  function writeSection(race, rate) {
    const { hide, one, other } = page.state();
    const isWritten = rate === undefined && hide.length === 0 && !(one && other && one !== other);
    for (const old of [...race.table.tBodies]) old.remove();
    const heads = rate === undefined ? race.written : [Object.assign(make("th", `${separated(String(rate))} a second`), { scope: "col" })];
    race.head.replaceChildren(race.head.firstElementChild, ...heads);
    const rates = rate === undefined ? race.written.map((head) => Number(head.textContent.replace(/\D/g, ""))) : [rate];
    race.table.append(...(isWritten ? race.bodies : [...rowsOf(race)].map(([group, row]) => body(group, row, rates))));
  }

  // ---- The squares of the table: cores with the reference of the row, and with any other lane how many more.

  function referenceAmong(ranked) {
    const { reference, one, other } = page.state();
    const chosen = one && other && one !== other ? other : reference;
    const best = least(ranked, overheadOf);
    if (chosen === "best") return best;
    if (chosen === "visible") return least(ranked.filter(({ executor }) => page.isVisible(executor)), overheadOf) ?? best;
    return ranked.find(({ executor }) => executor === chosen);
  }

  function writeSquares(rate) {
    for (const old of all(".standings td .cores")) old.remove();
    if (rate === undefined) return;
    const isClock = new Map(page.results().workloads.map(({ name, measure }) => [name, !measure]));
    for (const race of all(".race")) {
      for (const row of all("tr[data-workload][data-size]", race)) {
        const { workload, size } = row.dataset;
        if (isClock.get(workload)) writeRow(row, comparisons().get(`${workload}/${size}/${race.dataset.threads}`) ?? [], rate);
      }
    }
  }

  function writeRow(row, cells, rate) {
    const reference = referenceAmong(cells.filter((cell) => cell.rank));
    const base = reference && costOf(reference);
    for (const square of row.querySelectorAll(":scope > td[data-lane]")) {
      const cell = cells.find(({ executor, status }) => executor === square.dataset.lane && status === "ok");
      const cost = cell && costOf(cell);
      if (!cost) continue;
      const more = cell.rank && cell !== reference && base ? moreThan(cost, base) : undefined;
      const inCores = more && times(more, rate / SECOND);
      // The title has the whole sentence; a square has room for a few words.
      const tooMany = excess(cost, rate) ? ", too many" : "";
      const [short, interval] = inCores ? difference(inCores, "") : [`${boundOf(cost)}${ofACore((cost.ns.value * rate) / SECOND)}`, ""];
      const line = make("span", `${short}${tooMany}`, "cores");
      if (interval) line.append(make("span", interval, "more"));
      const whole = `${cell.executor} at ${separated(String(rate))} a second: ${coresAt(cost, rate)}`;
      line.title = inCores ? `${whole}; ${difference(inCores).join("")} than ${reference.executor}` : whole;
      square.append(line);
    }
  }

  // ---- Following the state.

  let shown = "";
  async function show() {
    const { threads, rate: given, hide, one, other } = page.state();
    for (const race of races) race.section.hidden = String(race.threads) !== threads;
    const rate = given === "" ? undefined : Number(given);
    // The field keeps what is typed as long as it means the rate that is chosen.
    if (rateOf(field.value) !== rate) field.value = rate === undefined ? (document.activeElement === field ? field.value : "") : separated(given);
    say(rate);
    const content = JSON.stringify([given, hide, one, other]);
    if (rate === undefined && shown === "" && hide.length === 0 && !one && !other) return;
    await page.ready;
    // The squares are written anew whenever the table is.
    writeSquares(rate);
    if (content === shown) return;
    shown = content;
    for (const race of races) writeSection(race, rate);
  }

  form.addEventListener("input", () => {
    const rate = rateOf(field.value);
    page.choose({ rate: rate === undefined ? "" : String(rate) });
    say(rate);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("shown", show);
  form.hidden = false;
  show();
})();
