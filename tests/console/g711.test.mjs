// Against the tables of voice_codecs, which the Python test writes to the file that G711_TABLES names.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { DECODE, ENCODE, encodeFloat } from "../../gateway/console/static/g711.js";

const tables = JSON.parse(readFileSync(process.env.G711_TABLES, "utf8"));

test("every code is decoded as voice_codecs decodes it", () => assert.deepEqual([...DECODE], tables.decode));

test("every sample is encoded as voice_codecs encodes it", () => assert.deepEqual([...ENCODE], tables.encode));

test("floats beyond the scale are cut off", () => {
  assert.deepEqual([encodeFloat(2), encodeFloat(-2), encodeFloat(0)], [0x80, 0x00, 0xff]);
});
