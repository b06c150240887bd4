// What benches/page.sh looks at: see there.
const fs = require("node:fs");
const path = require("node:path");
const puppeteer = require("puppeteer-core");
const axe = fs.readFileSync(require.resolve("axe-core"), "utf8");

const [chromium, folder] = process.argv.slice(2);
const page_of = (name) => `file://${path.resolve(folder, name)}`;
const WIDTHS = { phone: 390, desktop: 1280 };

(async () => {
  const browser = await puppeteer.launch({ executablePath: chromium, args: ["--no-sandbox"] });
  let failed = false;
  const wrong = (what) => {
    failed = true;
    console.log(what);
  };

  const open = async (name, { width = WIDTHS.desktop, theme = "light", script = true } = {}) => {
    const page = await browser.newPage();
    page.on("console", (message) => message.type() === "error" && wrong(`${name}: ${message.text()}`));
    page.on("pageerror", (error) => wrong(`${name}: ${error}`));
    page.on("request", (request) => /^(file|data):/.test(request.url()) || wrong(`${name} asks for ${request.url()}`));
    await page.setJavaScriptEnabled(script);
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }]);
    await page.goto(page_of(name));
    return page;
  };

  for (const name of ["report.html", "2000.html"]) {
    const times = [];
    for (let run = 0; run < 5; run++) {
      const begin = performance.now();
      const page = await open(name);
      // Painted, and ready to be used.
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
      times.push(performance.now() - begin);
      if (run === 0) {
        const counts = await page.evaluate(() => [document.querySelectorAll("*").length, document.querySelectorAll(".trial").length]);
        const size = fs.statSync(path.join(folder, name)).size / 2 ** 20;
        console.log(`${name}: ${counts[1]} trials, ${size.toFixed(1)} MiB, ${counts[0]} elements`);
        const filtered = await page.evaluate(async () => {
          const begin = performance.now();
          const name = document.querySelector("[name=name]");
          name.value = "user";
          name.dispatchEvent(new Event("input", { bubbles: true }));
          await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
          return `${document.querySelector("#filters output").textContent} after ${(performance.now() - begin).toFixed(0)} ms`;
        });
        console.log(`  filtered by a name: ${filtered}`);
      }
      await page.close();
    }
    times.sort((one, other) => one - other);
    console.log(`  opens in ${(times[2] / 1000).toFixed(2)} s (${times.map((time) => (time / 1000).toFixed(2)).join(", ")})`);
    if (times[2] > 2000) wrong(`${name} takes longer than 2 s`);
  }

  for (const [what, width] of Object.entries(WIDTHS)) {
    for (const theme of ["light", "dark"]) {
      const page = await open("report.html", { width, theme });
      const overflows = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (overflows > 0) wrong(`${what}: the page is ${overflows} px too wide`);
      await page.screenshot({ path: path.join(folder, `${what}-${theme}.png`) });
      const trial = await page.$("details.trial[open]");
      if (trial) await trial.screenshot({ path: path.join(folder, `${what}-${theme}-trial.png`) });
      // All that can be unfolded is, of the first trials.
      await page.evaluate(() => {
        document.querySelectorAll("details.rest").forEach((fold) => (fold.open = true));
        [...document.querySelectorAll("details")].slice(0, 60).forEach((fold) => (fold.open = true));
      });
      await page.evaluate(axe);
      const { violations, passes } = await page.evaluate(() => axe.run());
      console.log(`axe, ${what}, ${theme}: ${violations.length} violations, ${passes.length} rules passed`);
      for (const { id, help, nodes } of violations) {
        wrong(`  ${id}: ${help} (${nodes.length} places, such as ${nodes[0].html.slice(0, 160)})`);
        console.log(`    ${nodes[0].failureSummary}`);
      }
      await page.close();
    }
  }

  const plain = await open("report.html", { script: false });
  await plain.screenshot({ path: path.join(folder, "without-script.png") });
  await plain.pdf({ path: path.join(folder, "print.pdf"), format: "A4" });
  await browser.close();
  process.exit(failed ? 1 : 0);
})();
