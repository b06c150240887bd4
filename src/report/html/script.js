// Filters, and links that unfold what they lead to. The page is whole without.
(() => {
  const all = (selector, of = document) => [...of.querySelectorAll(selector)];
  const trials = new Map(all("details.trial").map((trial) => [trial.querySelector("[id]").id, trial]));
  const named = new Map(all("details.trial").map((trial) => [trial, trial.querySelector("h4").textContent.toLowerCase()]));

  const reveal = () => {
    const place = document.getElementById(location.hash.slice(1));
    if (!place) return;
    for (let fold = place; fold; fold = fold.parentElement) if (fold.tagName === "DETAILS") fold.open = true;
    all(":scope > details.rest", place).forEach((fold) => (fold.open = true));
    const trial = place.closest("details.trial");
    (trial || place).scrollIntoView();
    if (trial) trial.querySelector("summary").focus({ preventScroll: true });
  };
  addEventListener("hashchange", reveal);
  // A link to where one is already.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) setTimeout(reveal);
  });
  if (location.hash) reveal();

  const form = document.getElementById("filters");
  if (form) {
    const folds = all("details.rest").map((fold) => [fold, fold.open]);
    const filter = () => {
      const wanted = new FormData(form);
      const is = wanted.getAll("is");
      const tag = wanted.get("tag");
      const name = wanted.get("name").trim().toLowerCase();
      const shown = new Set();
      for (const [id, trial] of trials) {
        const { dataset } = trial;
        const fits =
          (!is.length || is.includes(dataset.is)) &&
          (!tag || dataset.tags.split(" ").includes(tag)) &&
          named.get(trial).includes(name);
        trial.hidden = !fits;
        if (fits) shown.add(id);
      }
      for (const row of all("tr[data-trials]")) row.hidden = !row.dataset.trials.split(" ").some((id) => shown.has(id));
      for (const table of all("table.matrix")) table.hidden = !table.querySelector("tbody tr:not([hidden])");
      for (const group of all("section.group")) group.hidden = !group.querySelector("details.trial:not([hidden])");
      const filtered = is.length > 0 || tag !== "" || name !== "";
      for (const [fold, wasOpen] of folds) {
        fold.hidden = !fold.querySelector("tbody tr:not([hidden]), details.trial:not([hidden])");
        fold.open = filtered || wasOpen;
      }
      form.querySelector("output").textContent = filtered ? `${shown.size} of ${trials.size} trials` : "";
    };
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("reset", () => setTimeout(filter));
    form.addEventListener("submit", (event) => event.preventDefault());
    filter();
  }

  if (navigator.clipboard) {
    for (const repeat of all(".repeat")) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(repeat.querySelector("code").textContent);
        button.textContent = "Copied";
        setTimeout(() => (button.textContent = "Copy"), 2000);
      });
      repeat.append(button);
    }
  }
})();
