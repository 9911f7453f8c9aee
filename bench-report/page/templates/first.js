// The first screen follows what is visible: its squares and sentences are written anew when lanes are hidden, as first.rs writes them.
(() => {
  const page = window.photofinish;
  if (!page) return;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const presets = document.querySelector(".presets");
  const hides = (button) => button.dataset.hide.split(" ").filter(Boolean);
  const LEVEL = 1.1;

  const races = all(".first-of").map((place) => {
    const heads = all("thead th[data-lanes]", place);
    return {
      place, heads,
      threads: Number(place.dataset.threads),
      runtimes: heads.map((head) => ({ lanes: head.dataset.lanes.split(" "), serves: head.classList.contains("serves") })),
      rows: all("tbody tr", place).map((row) => {
        const squares = [...row.cells].slice(1);
        const written = squares.map(({ className, textContent, title }) => ({ kind: className, text: textContent, title }));
        const [, kind, name] = /^(\w+):(.*)$/s.exec(row.dataset.key);
        return { row, squares, written, kind, name, floor: Number(row.dataset.floor) };
      }),
      said: place.querySelector(".pairs-said"),
      sentences: all(".pairs-said li", place).map((item) => item.textContent),
    };
  });

  const least = (list, value) => list.reduce((best, one) => (best === undefined || value(one) < value(best) ? one : best), undefined);
  const ratioOf = (value) => page.figures.ratio(value).replace("×", "");

  // Tells whether a lane is surely behind another; files from before that was said have the interval of the two alone.
  let tells;
  function isBehind(lane, other, floor) {
    tells ??= page.results().cells.some(({ behind }) => behind?.length > 0);
    return tells ? (lane.behind ?? []).includes(other.executor) : lane.ratios?.[other.executor]?.low > floor;
  }

  // Tells what is known of a lane that is not behind, by the interval of a ratio.
  function closeness({ value, low, high }, floor) {
    const level = Math.max(floor, LEVEL);
    if (high <= level && low >= 1 / level) return "level";
    return high <= value * LEVEL && low >= value / LEVEL ? "near" : "open";
  }

  // Returns what lanes have in a row of means, or in a comparison.
  function lanesOf(race, { kind, name }) {
    const { cells, groups, summaries } = page.results();
    const isHere = ({ threads }) => threads === race.threads;
    if (kind === "all") return summaries.find(isHere).lanes;
    if (kind === "group") return groups.find((one) => isHere(one) && one.group === name).lanes;
    const found = cells.filter((cell) => isHere(cell) && cell.rank && `${cell.workload}/${cell.size}` === name);
    return found.map((cell) => ({ ...cell, geomean: cell.metrics.overhead }));
  }

  // Makes the squares of a row of means: each runtime has its best visible flavour, and ratios are to the best of the choices.
  function means(race, row, choices) {
    const { figures } = page;
    const lanes = lanesOf(race, row);
    const value = (lane) => lane.geomean.value;
    const flavours = race.runtimes.map((runtime) =>
      least(lanes.filter((lane) => lane.geomean && runtime.lanes.includes(lane.executor) && page.isVisible(lane.executor)), value));
    const among = flavours.filter((lane, place) => lane && choices[place]);
    const best = least(among, value);
    return flavours.map((lane, place) => {
      if (!lane || !best) return { kind: "", text: lane ? "alone" : "–", title: row.written[place].title };
      if (lane === best) return among.length === 1 ? { kind: "", text: "only one", title: "" } : { kind: "lead", text: "best", title: "" };
      const ratio = lane.ratios?.[best.executor];
      if (!ratio) return { kind: "", text: "–", title: "" };
      const title = `${figures.ratio(ratio.value)} ${figures.ratioInterval(ratio)}`;
      const number = ratioOf(ratio.value);
      const shade = (value) => `shade-${limits.filter((limit) => value >= limit).length}`;
      if (!choices[place]) return { kind: "", text: number, title };
      if (isBehind(lane, best, row.floor)) return { kind: shade(ratio.value), text: number, title };
      switch (closeness(ratio, row.floor)) {
        case "level": return { kind: "lead", text: `${number} =`, title };
        case "near": return { kind: shade(ratio.value), text: `${number} ≈`, title };
        default: return { kind: `${shade(ratio.value)} open`, text: `${number} ~`, title };
      }
    });
  }
  const limits = document.querySelector(".legend").dataset.limits.split(" ").map(Number);

  // Makes the squares of a row of figures that no statistics were applied to.
  function values(race, row, choices) {
    const { cells, memory } = page.results();
    const of = (lane) => {
      const [workload, size] = [row.name.slice(0, row.name.lastIndexOf("/")), Number(row.name.slice(row.name.lastIndexOf("/") + 1))];
      const found = row.kind === "p99"
        ? cells.find((cell) => cell.workload === workload && cell.size === size && cell.threads === race.threads && cell.executor === lane)?.metrics["lateness-p99"]
        : [race.threads, undefined].map((threads) => memory.find((one) =>
            one.workload === row.name && one.executor === lane && (threads === undefined || one.threads === threads))).find(Boolean)?.bytes_a_task;
      return found?.value;
    };
    const found = race.runtimes.map(({ lanes }) =>
      least(lanes.filter((lane) => page.isVisible(lane)).map(of).filter((value) => value !== undefined), (value) => value));
    const lowest = least(found.filter((value, place) => value !== undefined && choices[place]), (value) => value);
    return found.map((value, place) => {
      if (value === undefined) return { kind: "", text: "–", title: "not in the results" };
      const write = row.kind === "p99" ? page.figures.ns : page.figures.bytes;
      return { kind: choices[place] && value === lowest ? "least" : "", text: write(value, lowest), title: "" };
    });
  }

  // Counts the rows of two runtimes, each given by its lanes, by what is known of them.
  function sentence(race, one, other) {
    const rows = new Map();
    for (const cell of page.results().cells) {
      if (cell.threads !== race.threads || !cell.rank) continue;
      const key = JSON.stringify([cell.workload, cell.size]);
      if (!rows.has(key)) rows.set(key, []);
      rows.get(key).push(cell);
    }
    const count = { one: 0, other: 0, level: 0, near: 0, open: 0 };
    for (const cells of rows.values()) {
      const [first, second] = [one, other].map((lanes) =>
        least(cells.filter(({ executor }) => lanes.includes(executor)), ({ metrics }) => metrics.overhead.value));
      const ratio = first && second && first.ratios?.[second.executor];
      if (!ratio) continue;
      const { workload, size, threads } = first;
      const floor = page.results().rows?.find((row) => row.workload === workload && row.size === size && row.threads === threads)?.floor ?? 1;
      count[isBehind(second, first, floor) ? "one" : isBehind(first, second, floor) ? "other" : closeness(ratio, floor)] += 1;
    }
    // Who is near is called level where rows are counted.
    count.level += count.near;
    const parts = [`${one[0]} leads ${count.one}`, `${other[0]} ${count.other}`];
    for (const word of ["level", "open"]) {
      if (count[word] > 0) parts.push(`${count[word]} ${count[word] === 1 ? "is" : "are"} ${word}`);
    }
    const many = count.one + count.other + count.level + count.open;
    return `Of ${page.figures.counted(many, "row")} ${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}.`;
  }

  // Writes the sentences on the two lanes that were chosen, or else on each two runtimes that can serve.
  function sentences(race, choices) {
    const { one, other } = page.state();
    if (one && other && one !== other) return race.runtimes.some(({ lanes }) => lanes.includes(one)) ? [sentence(race, [one], [other])] : [];
    const served = race.runtimes.filter(({ serves }, place) => serves && choices[place]);
    const visible = served.map(({ lanes }) => lanes.filter((lane) => page.isVisible(lane)));
    if (visible.length >= 4) return [];
    return visible.flatMap((lanes, place) => visible.slice(place + 1).map((others) => sentence(race, lanes, others)));
  }

  function write(race) {
    const visible = race.runtimes.map(({ lanes }) => lanes.some((lane) => page.isVisible(lane)));
    const serving = visible.map((is, place) => is && race.runtimes[place].serves);
    const choices = serving.includes(true) ? serving : visible;
    const isWritten = race.runtimes.every(({ lanes }) => lanes.every((lane) => page.isVisible(lane)));
    race.heads.forEach((head, place) => { head.hidden = !visible[place]; });
    for (const row of race.rows) {
      const squares = isWritten ? row.written : row.kind === "p99" || row.kind === "memory" ? values(race, row, choices) : means(race, row, choices);
      row.squares.forEach((square, place) => {
        const { kind, text, title } = squares[place];
        Object.assign(square, { className: kind, title, hidden: !visible[place] });
        square.firstChild.textContent = text;
      });
    }
    const said = isWritten ? race.sentences : sentences(race, choices);
    race.said.replaceChildren(...said.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  }

  let shown = "";
  async function show() {
    const { threads, hide, one, other } = page.state();
    for (const { place, threads: number } of races) place.hidden = String(number) !== threads;
    const lanes = JSON.stringify([hide, one, other]);
    for (const button of all("button", presets)) {
      const pressed = button.dataset.threads ? button.dataset.threads === threads : [...hide].sort().join() === hides(button).sort().join();
      button.setAttribute("aria-pressed", pressed);
    }
    if (lanes === shown || (shown === "" && lanes === '[[],"",""]')) return;
    shown = lanes;
    await page.ready;
    races.forEach(write);
  }

  presets.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    if (button.dataset.threads) page.choose({ threads: button.dataset.threads });
    else page.choose({ hide: hides(button), reference: hides(button).length > 0 ? "visible" : "best", one: "", other: "" });
  });
  presets.addEventListener("change", () => page.readForm());
  // A square leads where its row leads. The rows of means are shown as the mean is made: among those that can serve.
  document.getElementById("first").addEventListener("click", (event) => {
    const cell = event.target.closest("tbody th a, tbody td");
    // With a key held down a link opens elsewhere, where it shows what its address says.
    if (!cell || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const row = cell.closest("tr");
    const head = cell.closest("table").tHead.rows[0].cells[cell.cellIndex ?? 0];
    const { hide, one, other } = page.state();
    const serving = presets.querySelector("button:not([data-hide=''])[data-hide]");
    const asWritten = hide.length === 0 && !(one && other);
    if (serving && asWritten && row.classList.contains("means") && !head.classList.contains("yardstick")) serving.click();
    if (cell.matches("a")) return;
    event.preventDefault();
    location.hash = row.querySelector("a").hash;
    document.getElementById(location.hash.slice(1))?.scrollIntoView();
  });
  document.addEventListener("shown", show);
  presets.hidden = false;
  show();
})();
