// Clicks through a page of `bifrons explain --format html` in a real browser: sorting, filtering, a cause's
// page, both colour schemes. Needs Node 20 and Chromium, and nothing else: it speaks the DevTools protocol.
//
//   node --experimental-websocket explain.mjs BROWSER PAGE.html FOLDER
//
// Screenshots go to FOLDER. Exit status 0 when all is as it should be.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [browser, page, folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const profile = mkdtempSync(join(tmpdir(), "bifrons-browser-"));
const child = spawn(browser, [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
  "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank",
], { stdio: "ignore" });
const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function waitFor(what, test) {
  for (let tries = 0; tries < 300; tries += 1) {
    const found = await test();
    if (found) return found;
    await sleep(100);
  }
  throw new Error(`waited in vain for ${what}`);
}

// One page of the browser, spoken to over its socket.
async function open() {
  const file = join(profile, "DevToolsActivePort");
  const port = await waitFor("the browser", () => existsSync(file) && readFileSync(file, "utf8").split("\n")[0]);
  const list = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
  const socket = new WebSocket(list.find((target) => target.type === "page").webSocketDebuggerUrl);
  await new Promise((done, failed) => { socket.onopen = done; socket.onerror = failed; });
  const waiting = new Map();
  const problems = [];
  let next = 0;
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.id) {
      const { done, failed } = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.error) failed(new Error(message.error.message)); else done(message.result);
    } else if (message.method === "Runtime.exceptionThrown") {
      problems.push(message.params.exceptionDetails.exception?.description ?? "an exception");
    } else if (message.method === "Log.entryAdded" && message.params.entry.level === "error") {
      problems.push(message.params.entry.text);
    } else if (message.method === "Network.requestWillBeSent" && !message.params.request.url.startsWith("file:")) {
      problems.push(`the page asked for ${message.params.request.url}`);
    }
  };
  const send = (method, params = {}) => new Promise((done, failed) => {
    next += 1;
    waiting.set(next, { done, failed });
    socket.send(JSON.stringify({ id: next, method, params }));
  });
  return { send, problems, close: () => socket.close() };
}

async function run() {
  const { send, problems, close } = await open();
  const look = async (expression) => {
    const answer = await send("Runtime.evaluate", { expression, returnByValue: true });
    if (answer.exceptionDetails) throw new Error(`${expression}: ${answer.exceptionDetails.text}`);
    return answer.result.value;
  };
  const click = async (selector) => {
    const place = await look(`(() => {
      const element = document.querySelector(${JSON.stringify(selector)});
      element.scrollIntoView({ block: "center", inline: "center" });
      const box = element.getBoundingClientRect();
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    })()`);
    for (const type of ["mousePressed", "mouseReleased"]) {
      await send("Input.dispatchMouseEvent", { type, ...place, button: "left", clickCount: 1 });
    }
  };
  const type = async (selector, text) => {
    await click(selector);
    await look(`document.querySelector(${JSON.stringify(selector)}).select()`);
    await send("Input.insertText", { text });
  };
  const shoot = async (name) => {
    const { cssContentSize: size } = await send("Page.getLayoutMetrics");
    const clip = { x: 0, y: 0, width: size.width, height: Math.min(size.height, 3000), scale: 1 };
    const shot = await send("Page.captureScreenshot", { format: "png", captureBeyondViewport: true, clip });
    writeFileSync(join(folder, name), Buffer.from(shot.data, "base64"));
  };
  const column = (number) => look(
    `[...document.querySelectorAll("#records tbody tr")].map((row) => row.children[${number}].textContent)`);
  const scheme = (value) =>
    send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });

  for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(`${domain}.enable`);
  await send("Emulation.setDeviceMetricsOverride", { width: 1280, height: 900, deviceScaleFactor: 1, mobile: false });
  await scheme("light");
  await send("Page.navigate", { url: pathToFileURL(resolve(page)).href });
  await waitFor("the table", () => look(`document.querySelectorAll("#records tbody tr").length > 0`));

  while (!(await look(`document.querySelector("button.more").hidden`))) await click("button.more");
  const all = await column(3);
  assert.ok(all.length >= 4, "there are records to sort");
  assert.ok(await look(`document.querySelectorAll("svg rect").length > 0`), "the chart has bars");
  assert.equal(await look(`[...document.querySelectorAll("svg rect")].every((bar) => bar.getBoundingClientRect().height > 0)`), true);
  await shoot("light.png");

  const port = `#records th:nth-child(4)`;
  const numbers = all.map(Number).sort((one, other) => one - other);
  await click(`${port} button`);
  assert.deepEqual((await column(3)).map(Number), numbers, "one click sorts");
  assert.equal(await look(`document.querySelector("${port}").getAttribute("aria-sort")`), "ascending");
  await click(`${port} button`);
  assert.deepEqual((await column(3)).map(Number), numbers.reverse(), "the second turns the order round");

  const wanted = (await column(5))[0];
  await type("#records-filter", wanted);
  const left = await column(5);
  assert.ok(left.length > 0 && left.length < all.length, "the filter takes records away");
  assert.ok((await look(`[...document.querySelectorAll("#records tbody tr")].map((row) => row.textContent)`))
    .every((text) => text.includes(wanted)), "only records with the word are left");
  await type("#records-filter", "no record has this");
  assert.equal((await column(0)).length, 0);
  await type("#records-filter", " ");
  await look(`(() => {
    const select = document.querySelector("#records-outcome");
    select.value = "2";
    select.dispatchEvent(new Event("change"));
  })()`);
  assert.ok((await column(11)).every((text) => text === "not delivered"));

  await click(`main a[href^="#cause/"]`);
  const cause = await waitFor("the cause's page", () => look(`location.hash.slice(7) && document.querySelector("h2").textContent`));
  assert.equal(await look(`location.hash`), `#cause/${cause}`);
  assert.ok((await column(12)).every((text) => text === cause), "only the cause's records are on its page");
  await shoot("cause.png");
  await scheme("dark");
  await look(`location.hash = ""`);
  await waitFor("the overview", () => look(`document.querySelectorAll(".tile").length > 0`));
  await shoot("dark.png");
  assert.equal(await look(`getComputedStyle(document.body).backgroundColor`), "rgb(20, 23, 27)");
  assert.equal(await look(`document.querySelectorAll("script").length`), 2, "nothing from a log became markup");
  assert.equal(await look(`document.title`), "Bifrons: logs explained");
  assert.deepEqual(problems, []);
  close();
}

let failed = null;
try {
  await Promise.race([run(), sleep(60_000).then(() => { throw new Error("took longer than a minute"); })]);
} catch (error) {
  failed = error;
}
child.kill("SIGKILL");
await Promise.race([new Promise((done) => child.once("exit", done)), sleep(2_000)]);
rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
if (failed) {
  console.error(failed);
  process.exit(1);
}
console.log("sorted, filtered and looked at");
process.exit(0);
