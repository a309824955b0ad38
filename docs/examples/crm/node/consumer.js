#!/usr/bin/env node
// A consumer of edge-agent's events: every event counted once, whatever the network does.
//
//     npm install
//     node consumer.js --host broker.example --site joy --state events.jsonl
//
// How it stays right (docs/crm-integration.md says why):
//
// - a persistent session and QoS 1: the broker keeps what is published while we are away;
// - a message is acknowledged only once it is on our disk, so a crash loses nothing;
// - an event whose id is known is dropped: delivery is at least once, the id makes it once;
// - events are kept as they came, and visits are worked out of them: by `seq`, not by order of arrival, and without those
//   that a later event retracts (table.js).
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import mqtt from 'mqtt';
import { Store } from './store.js';
import { table } from './table.js';

const SESSION = 7 * 86_400; // seconds the broker shall keep our session
const TOPICS = ['visit/+', 'receipt/+', 'flow/#', 'privacy/+'];
const text = (value) => ({ type: 'string', default: value });
const { values: args } = parseArgs({
  options: {
    host: text('localhost'),
    port: text('1883'),
    prefix: text('mall/v1'),
    site: { type: 'string' },
    'client-id': text('crm-node'), // the name of our session: always the same
    state: text('events.jsonl'),
    username: { type: 'string' },
    'password-file': { type: 'string' },
    ca: { type: 'string' }, // PEM file: speak TLS
    idle: { type: 'string' }, // print the table and end after so many seconds of silence
  },
});
if (!args.site) {
  console.error('--site ID is needed');
  process.exit(64);
}

const store = new Store(args.state);
let last = Date.now();

const client = mqtt.connect({
  host: args.host,
  port: Number(args.port),
  protocol: args.ca ? 'mqtts' : 'mqtt',
  ca: args.ca && fs.readFileSync(args.ca),
  username: args.username,
  password: args['password-file'] && fs.readFileSync(args['password-file'], 'utf8').split('\n')[0],
  protocolVersion: 5,
  clientId: args['client-id'],
  clean: false,
  properties: { sessionExpiryInterval: SESSION, receiveMaximum: 100 },
  // PUBACK goes out when `done` is called, not when the message came in.
  customHandleAcks: (topic, payload, _packet, done) => {
    last = Date.now();
    let event;
    try {
      event = JSON.parse(payload.toString('utf8'));
      if (!event.id || !event.type || !event.data) throw new Error('id, type or data is missing');
    } catch (error) {
      // Unacknowledged it would come again for ever, and nothing after it.
      console.error(`not an event on ${topic}: ${error.message}`);
      return done(0);
    }
    store.take(event);
    return done(0);
  },
});
client.on('connect', () => {
  // Each time: a broker that has lost our session has lost our subscriptions with it.
  const topics = TOPICS.map((topic) => `${args.prefix}/${args.site}/${topic}`);
  client.subscribe(topics, { qos: 1 }, (error) => console.error(error ? `refused: ${error.message}` : 'listening'));
});
client.on('error', (error) => console.error(error.message));

if (args.idle) {
  setInterval(() => {
    if (Date.now() - last < Number(args.idle) * 1000) return;
    const { rows, totals } = table(store.events.values());
    for (const row of rows) console.log(JSON.stringify(row));
    console.log(JSON.stringify({ totals }));
    console.error(`duplicates dropped: ${store.duplicates}`);
    client.end(false, {}, () => process.exit(0));
  }, 200);
}
