// Spotlight with its pages, on a port of the loopback interface that the system gives.

import { readFile, readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { setupSpotlight } from "@spotlightjs/spotlight";

const pages = new URL("../ui/", import.meta.resolve("@spotlightjs/spotlight"));

async function files(directory, prefix = "") {
  const found = {};
  for (const entry of await readdir(new URL(prefix, directory), { withFileTypes: true })) {
    const name = `${prefix}${entry.name}`;
    if (entry.isDirectory()) Object.assign(found, await files(directory, `${name}/`));
    else found[name] = await readFile(fileURLToPath(new URL(name, directory)));
  }
  return found;
}

const server = await setupSpotlight({ port: 0, isStandalone: true, filesToServe: await files(pages) });
console.log(`listening at http://127.0.0.1:${server.address().port}`);
