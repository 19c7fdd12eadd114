// Compares an evaluator of JSONata with the reference implementation, case by case.
//
//   node compare.mjs <folder with node_modules/jsonata> <file of cases, one JSON object a line>
//
// A case has `expression`, `bindings`, `now` and `seed`, and what the other evaluator gave: `value` or `error`. Both
// must give the same value, or both none: Step Functions makes one error of what throws and what gives nothing.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";
import path from "node:path";

const [folder, file] = process.argv.slice(2);
const jsonata = createRequire(path.resolve(folder, "package.json"))("jsonata");

// Differences that are printed in full.
const SHOWN = 20;
const MASK = (1n << 64n) - 1n;

// The rehearsal's own generator (SplitMix64), so that $random() draws the same.
function unit(seed) {
    let state = BigInt(seed);
    return () => {
        state = (state + 0x9e3779b97f4a7c15n) & MASK;
        let mixed = state;
        mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
        mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & MASK;
        mixed ^= mixed >> 31n;
        return Number(mixed >> 11n) / 2 ** 53;
    };
}

function text(value) {
    if (typeof value !== "string") {
        throw new Error("an argument is no string");
    }
    return value;
}

// What Step Functions adds, and what the case fixes.
function functions(case_) {
    return {
        now: () => new Date(case_.now).toISOString(),
        millis: () => case_.now,
        random: unit(case_.seed),
        parse: (value) => JSON.parse(text(value)),
        hash: (value, algorithm) => createHash(text(algorithm).replace("-", "")).update(text(value)).digest("hex"),
    };
}

// A value without items that are nothing.
function dense(value) {
    if (Array.isArray(value)) {
        return value.filter((item) => item !== undefined).map(dense);
    }
    if (value !== null && typeof value === "object") {
        return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, dense(member)]));
    }
    return value;
}

// Differences that are known, each over inputs that the machines do not have. They are counted, and no failure.
const KNOWN = [
    // The recorder's `$end` and the sweeper's `$number(sk) * 300 * 1000` are whole.
    ["$fromMillis of a fraction", (case_) => case_.error?.includes("fromMillis() requires an integer")],
    // A predicate over a field that an item does not have: `sks` of the guard's scopes is always there.
    [
        "nothing kept as an item by a predicate",
        (case_, { raw }) => raw !== undefined && isDeepStrictEqual(case_.value, JSON.parse(JSON.stringify(dense(raw)))),
    ],
];

const parsed = new Map();

function expression(source) {
    if (!parsed.has(source)) {
        parsed.set(source, jsonata(source));
    }
    return parsed.get(source);
}

async function evaluated(case_) {
    try {
        const bindings = { ...functions(case_), ...case_.bindings };
        const value = await expression(case_.expression).evaluate(undefined, bindings);
        // As JSON, which is what Step Functions keeps between states.
        return value === undefined
            ? { error: "returned nothing" }
            : { value: JSON.parse(JSON.stringify(value)), raw: value };
    } catch (error) {
        return { error: `${error.code ?? ""} ${error.message ?? error}` };
    }
}

let same = 0;
let values = 0;
let known = 0;
const differences = new Map();
for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    const case_ = JSON.parse(line);
    const reference = await evaluated(case_);
    const equal = "value" in case_ && "value" in reference
        ? isDeepStrictEqual(case_.value, reference.value)
        : "error" in case_ && "error" in reference;
    if (equal) {
        same += 1;
        values += "value" in case_ ? 1 : 0;
        continue;
    }
    if (KNOWN.some(([, holds]) => holds(case_, reference))) {
        known += 1;
        continue;
    }
    differences.set(case_.expression, [...(differences.get(case_.expression) ?? []), { case_, reference }]);
}

const show = (outcome) => ("value" in outcome ? JSON.stringify(outcome.value) : `error: ${outcome.error}`);
let failed = 0;
let shown = 0;
for (const [source, found] of differences) {
    failed += found.length;
    shown += 1;
    if (shown <= SHOWN) {
        // The shortest input says most.
        found.sort((a, b) => JSON.stringify(a.case_.bindings).length - JSON.stringify(b.case_.bindings).length);
        const { case_, reference } = found[0];
        console.log(`${case_.machine}, state ${case_.state}: ${found.length} different, for one:`);
        console.log(`  expression: ${source}`);
        console.log(`  bindings:   ${JSON.stringify(case_.bindings)}`);
        console.log(`  rehearsal:  ${show(case_)}`);
        console.log(`  reference:  ${show(reference)}`);
        console.log(`  seed:       ${case_.seed}`);
    }
}
console.log(`${parsed.size} expressions: ${values} equal values, ${same - values} equal errors`);
console.log(`${known} known differences, ${failed} others`);
process.exit(failed === 0 && same > 0 ? 0 : 1);
