// The IAB's own libraries as the oracle: jobs in as JSON on standard input, their answers out. Arguments: the two modules.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.argv[2] + "/");
const tcf = require("@iabtcf/core");
const gpp = require("@iabgpp/cmpapi");
const { TCModel, TCString, SegmentEncoder, Segment, PurposeRestriction } = tcf;
const { GppModel } = gpp;

const NAMES = ["tcfeuv2", "uspv1", ..."nat ca va co ut ct fl mt or tx de ia ne nh nj tn mn md in ky ri".split(" ").map((s) => "us" + s)];
const SETS = {
  purposeConsents: 24, purposeLegitimateInterests: 24, specialFeatureOptins: 12, vendorConsents: 0,
  vendorLegitimateInterests: 0, vendorsDisclosed: 0, vendorsAllowed: 0, publisherConsents: 24,
  publisherLegitimateInterests: 24, publisherCustomConsents: 0, publisherCustomLegitimateInterests: 0,
};
const PLAIN = ["cmpId", "cmpVersion", "consentScreen", "consentLanguage", "vendorListVersion", "policyVersion",
  "isServiceSpecific", "useNonStandardStacks", "purposeOneTreatment", "publisherCountryCode", "numCustomPurposes"];
const PARTS = { 0: Segment.CORE, 1: Segment.VENDORS_DISCLOSED, 2: Segment.VENDORS_ALLOWED, 3: Segment.PUBLISHER_TC };

function encodeTcf(job) {
  const model = new TCModel();
  for (const name of PLAIN) if (name in job.plain) model[name] = job.plain[name];
  for (const name of Object.keys(SETS)) model[name].set(job.sets[name] ?? []);
  model.created = new Date(job.created);
  model.lastUpdated = new Date(job.updated);
  model.publisherRestrictions.gvl = { vendorIds: new Set(Array.from({ length: 2000 }, (_, i) => i + 1)), vendors: {} };
  for (const [purpose, kind, vendors] of job.restrictions)
    model.publisherRestrictions.map.set(new PurposeRestriction(purpose, kind).hash, { get: () => vendors });
  return job.segments.map((kind) => SegmentEncoder.encode(model, PARTS[kind])).join(".");
}

function decodeTcf(text) {
  const model = TCString.decode(text);
  const sets = {};
  for (const name of Object.keys(SETS)) {
    sets[name] = [];
    model[name].forEach((value, id) => { if (value) sets[name].push(id); });
  }
  const plain = {};
  for (const name of PLAIN) plain[name] = model[name];
  const restrictions = model.publisherRestrictions.getRestrictions().map((one) =>
    [one.purposeId, one.restrictionType, model.publisherRestrictions.getVendors(one)]);
  return { plain, sets, restrictions, created: model.created.getTime(), updated: model.lastUpdated.getTime() };
}

function encodeGpp(job) {
  const model = new GppModel();
  for (const [section, fields] of Object.entries(job.sections))
    for (const [name, value] of Object.entries(fields)) model.setFieldValue(section, name, value);
  return model.encode();
}

function decodeGpp(text) {
  const model = new GppModel(text);
  const sections = {};
  for (const name of NAMES) if (model.hasSection(name)) sections[name] = model.getSection(name);
  return { ids: model.getSectionIds(), sections };
}

const DO = { encodeTcf, decodeTcf: (job) => decodeTcf(job.text), encodeGpp, decodeGpp: (job) => decodeGpp(job.text) };
const answers = JSON.parse(readFileSync(0, "utf8")).map((job) => {
  try { return { answer: DO[job.op](job) }; } catch (error) { return { error: String(error) }; }
});
process.stdout.write(JSON.stringify(answers));
