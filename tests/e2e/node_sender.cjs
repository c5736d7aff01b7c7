// Sends calls with one of the vendors' Node SDKs, as an application would. Run as:
//   node node_sender.cjs FOLDER < job
// FOLDER has node_modules; the job is JSON: {sdk, url, key, calls: [[name, argument], ...], options}. It writes the
// errors that the SDK reported, as JSON.
"use strict";
const { createRequire } = require("node:module");
const path = require("node:path");

const load = createRequire(path.join(path.resolve(process.argv[2]), "index.js"));
const errors = [];
const report = (error) => errors.push(String((error && (error.reason || error.message)) || error));
const settle = (call) =>
  Object.fromEntries(
    Object.entries(call).map(([name, value]) => [name, name === "timestamp" ? new Date(value) : value]),
  );

const senders = {
  async segment({ url, key, calls, options }) {
    const { Analytics } = load("@segment/analytics-node");
    const analytics = new Analytics({ writeKey: key, host: url, flushInterval: 50, ...options });
    analytics.on("error", report);
    for (const [name, call] of calls) analytics[name](settle(call));
    await analytics.closeAndFlush({ timeout: 60_000 });
  },
  async rudder({ url, key, calls, options }) {
    const Analytics = load("@rudderstack/rudder-sdk-node");
    const analytics = new (Analytics.default || Analytics)(key, {
      dataPlaneUrl: url, flushInterval: 50, errorHandler: report, ...options,
    });
    const done = calls.map(
      ([name, call]) => new Promise((resolve) => analytics[name](settle(call), resolve)),
    );
    await Promise.all(done);
    await new Promise((resolve) => analytics.flush(resolve));
  },
};

let text = "";
process.stdin.on("data", (piece) => (text += piece));
process.stdin.on("end", async () => {
  const job = JSON.parse(text);
  try {
    await senders[job.sdk](job);
  } catch (error) {
    report(error);
  }
  process.stdout.write(JSON.stringify(errors), () => process.exit(0));
});
