// Events on disk, each once: a journal of one JSON object a line. A database does as well.
import fs from 'node:fs';

export class Store {
  constructor(path) {
    this.path = path;
    this.events = new Map();
    this.erased = new Set();
    this.duplicates = 0;
    let whole = 0;
    if (fs.existsSync(path)) {
      const bytes = fs.readFileSync(path);
      // A last line that a crash cut off was never acknowledged: it will come again.
      whole = bytes.lastIndexOf(0x0a) + 1;
      for (const line of bytes.subarray(0, whole).toString('utf8').split('\n')) if (line) this.remember(JSON.parse(line));
    }
    this.file = fs.openSync(path, 'a');
    fs.ftruncateSync(this.file, whole);
  }

  /** Keeps an event; when this returns it is on the disk. */
  take(event) {
    if (this.events.has(event.id)) {
      this.duplicates += 1;
      return;
    }
    if (this.erased.has(event.data.visit_id)) return;
    fs.writeSync(this.file, `${JSON.stringify(event)}\n`);
    fs.fsyncSync(this.file);
    this.remember(event);
    if (event.type === 'mall.privacy.erased') this.rewrite();
  }

  remember(event) {
    this.events.set(event.id, event);
    if (event.type === 'mall.privacy.erased') this.erase(event.data);
  }

  /** Somebody's data have to go: all of their visits, and their token wherever it stands. */
  erase({ visits, member }) {
    for (const visit of visits) this.erased.add(visit);
    for (const [id, { type, data }] of this.events) {
      const theirs = member && data.member === member;
      if (this.erased.has(data.visit_id) || (theirs && type === 'mall.visit.linked')) this.events.delete(id);
      if (theirs) data.member = null;
      if (data.attribution && this.erased.has(data.attribution.visit_id)) data.attribution.visit_id = null;
    }
  }

  /** What was erased must not stay in the file. */
  rewrite() {
    const next = `${this.path}.new`;
    const file = fs.openSync(next, 'w');
    for (const event of this.events.values()) fs.writeSync(file, `${JSON.stringify(event)}\n`);
    fs.fsyncSync(file);
    fs.closeSync(this.file);
    fs.renameSync(next, this.path);
    this.file = file;
  }
}
