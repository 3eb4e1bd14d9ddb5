"use strict";
// Filters, kept behind the # of the address; arrow keys in the matrix; numbers of a chart's month from its table.
const filters = document.querySelector("form");
const rows = [...document.querySelectorAll(".matrix tbody tr")].map((row) => ({
  row,
  dataset: row.id.slice(0, -8),
  year: row.id.slice(-7, -3),
  states: row.dataset.s,
}));

function apply() {
  const { dataset, year, state } = filters.elements;
  let shown = 0;
  for (const each of rows) {
    each.row.hidden =
      (dataset.value && dataset.value !== each.dataset) ||
      (year.value && year.value !== each.year) ||
      (state.value && !each.states.includes(state.value));
    shown += !each.row.hidden;
  }
  for (const section of document.querySelectorAll(".dataset"))
    section.hidden = dataset.value && dataset.value !== section.id;
  document.querySelector("output").textContent = `${shown} of ${rows.length} months`;
}

function fromAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const known = ["dataset", "year", "state"].filter((name) => asked.has(name));
  if (location.hash.length > 1 && !known.length) return;
  for (const name of ["dataset", "year", "state"]) {
    const wanted = asked.get(name) || "";
    const option = [...filters.elements[name].options].find((each) => each.value === wanted || each.text === wanted);
    filters.elements[name].value = option ? option.value : "";
  }
  apply();
}

function toAddress() {
  const asked = new URLSearchParams();
  for (const name of ["dataset", "year", "state"]) {
    const chosen = filters.elements[name];
    if (chosen.value) asked.set(name, chosen.selectedOptions[0].text);
  }
  history.replaceState(null, "", `#${asked}`);
  apply();
}

filters.hidden = false;
filters.addEventListener("change", toAddress);
filters.addEventListener("reset", () => setTimeout(toAddress));
filters.addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", fromAddress);
fromAddress();
apply();

document.addEventListener("keydown", (event) => {
  const row = event.target.closest(".matrix tbody tr");
  if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
  const links = [...row.querySelectorAll("a")];
  const at = links.indexOf(event.target);
  const visible = () => [...row.parentElement.children].filter((each) => !each.hidden);
  const first = (each) => each && each.querySelectorAll("a")[0];
  const moves = {
    ArrowRight: () => links[at + 1],
    ArrowLeft: () => links[at - 1],
    ArrowDown: () => first(visible()[visible().indexOf(row) + 1]),
    ArrowUp: () => first(visible()[visible().indexOf(row) - 1]),
    Home: () => first(visible()[0]),
    End: () => first(visible().at(-1)),
  };
  const next = moves[event.key] && moves[event.key]();
  if (next) {
    event.preventDefault();
    next.focus();
  }
});

const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
tip.setAttribute("aria-hidden", "true");
document.body.append(tip);
document.addEventListener("mousemove", (event) => {
  const link = event.target.closest(".months a");
  tip.hidden = !link;
  if (!link) return;
  const table = link.closest("figure").querySelector("table");
  const found = [...table.tBodies[0].rows].find((row) => row.querySelector("a")?.getAttribute("href") === link.getAttribute("href"));
  const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  tip.textContent = found ? [...found.cells].map((cell, at) => (at ? `${heads[at]} ${cell.textContent}` : cell.textContent)).filter((text) => !text.endsWith(" ")).join(" · ") : "";
  tip.style.left = `${Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${event.clientY + 14}px`;
});
