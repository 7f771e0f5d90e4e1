"use strict";
// What the scripts share: checks that run one after the other, and a line printed for each.

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");

const checks = [];

function check(name, work) {
  checks.push([name, work]);
}

/** The error that the work must fail with. */
async function refused(state, work) {
  const error = await work.then(
    () => assert.fail(`no ${state}`),
    (error) => error,
  );
  assert.equal(error.code, state, error.message);
  return error;
}

async function run(packages, before) {
  for (const name of packages) {
    // Not every package lets its package.json be required.
    const manifest = path.join(process.env.NODE_PATH, name, "package.json");
    console.log(`pinned ${name} ${JSON.parse(fs.readFileSync(manifest)).version}`);
  }
  console.log(`machine Node ${process.versions.node}`);
  for (const [name, work] of checks) {
    try {
      await before();
      await work();
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`FAIL ${name}: ${String(error.stack).replaceAll(/\s+/g, " ")}`);
    }
  }
  console.log("done");
}

module.exports = { assert, check, refused, run };
