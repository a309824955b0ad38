// Does the parser of AsyncAPI accept the document, and ajv in its strict mode the schemas?
import fs from 'node:fs';
import { Parser } from '@asyncapi/parser';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const contract = process.argv[2];
const wrong = [];

const { document, diagnostics } = await new Parser().parse(fs.readFileSync(`${contract}/asyncapi.json`, 'utf8'));
// 0: error, 1: warning; 2 says that there is a newer version of AsyncAPI.
for (const d of diagnostics) if (d.severity < 2) wrong.push(`asyncapi.json: ${d.path.join('.')}: ${d.message}`);
if (!document) wrong.push('asyncapi.json: no document');
else console.log(`asyncapi: accepted, ${document.channels().all().length} channels`);

const ajv = new Ajv({ strict: true, allErrors: true, allowUnionTypes: true, logger: { log() {}, warn: (w) => wrong.push(w), error: (e) => wrong.push(e) } });
addFormats(ajv);
const files = fs.readdirSync(contract).filter((file) => file.endsWith('.schema.json'));
for (const file of files) {
  try {
    ajv.compile(JSON.parse(fs.readFileSync(`${contract}/${file}`, 'utf8')));
  } catch (error) {
    wrong.push(`${file}: ${error.message}`);
  }
}
if (wrong.length > 0) {
  console.error(wrong.join('\n'));
  process.exit(1);
}
console.log(`ajv: accepted, ${files.length} schemas`);
