// What events say, all together: a row for each visit, and totals. Pure: it does not matter in which order they came.

/** @param {Iterable<object>} events each id once */
export function table(events) {
  const all = [...events];
  const of = (kind) => all.filter((e) => e.type === `mall.${kind}`);

  // A revision of a receipt replaces the one before it.
  const replaced = new Set(of('receipt.recorded').map((e) => e.data.replaces));
  const receipts = of('receipt.recorded').filter((e) => !replaced.has(e.id));

  // Withdrawn: exits by `visit.resumed`, arrivals by an exit of staff, bags by a refund that stands.
  const ofVisits = all.filter((e) => e.type.startsWith('mall.visit.'));
  const retracted = new Set([...receipts, ...ofVisits].map((e) => e.data.retracts).filter(Boolean));

  // Visits that turned out to be one.
  const into = new Map();
  for (const e of of('visit.merged')) {
    for (const visit of e.data.merged) if (visit !== e.data.into) into.set(visit, e.data.into);
  }
  const survivor = (visit) => {
    const seen = new Set();
    while (into.has(visit) && !seen.has(visit)) {
      seen.add(visit);
      visit = into.get(visit);
    }
    return visit;
  };

  const visits = new Map();
  for (const e of ofVisits) {
    const visit = e.data.visit_id;
    if (!visits.has(visit)) visits.set(visit, []);
    visits.get(visit).push(e);
  }
  const rows = new Map();
  for (const [visit, events] of visits) {
    const owner = survivor(visit);
    if (!rows.has(owner)) {
      rows.set(owner, {
        visit: owner, state: 'approached', arrived_at: null, left_at: null, climbs: 0,
        dwells: 0, dwell_ms: 0, bags: 0, bag_minor: 0, members: [], parts: 0,
      });
    }
    const row = rows.get(owner);
    row.parts += 1;
    events.sort((a, b) => a.data.seq - b.data.seq);
    for (const e of events) apply(row, e, visit === owner, retracted.has(e.id));
  }

  const sum = (some) => some.reduce((n, e) => n + (e.data.amount_minor ?? 0), 0);
  const sales = receipts.filter((e) => e.data.type === 'sale');
  const back = receipts.filter((e) => e.data.type !== 'sale');
  const flow = new Map();
  for (const { data } of of('flow.interval')) {
    const key = [data.scope, data.id, data.period, data.from].join('\n');
    if (!flow.has(key) || flow.get(key).revision < data.revision) flow.set(key, data);
  }
  return {
    rows: [...rows.keys()].sort().map((visit) => rows.get(visit)),
    totals: {
      events: all.length, visits: rows.size, receipts: receipts.length, sales: sales.length,
      net_minor: sum(sales) - sum(back), flow: flow.size,
      came_in: [...flow.values()].reduce((n, f) => n + (f.footfall ?? 0), 0),
    },
  };
}

/** What one event, in the order of `seq`, changes of its visit. */
function apply(row, { type, time, data }, isOwner, isRetracted) {
  const kind = type.slice('mall.visit.'.length);
  if (kind === 'exited' && data.reason === 'not_a_visitor') {
    row.state = 'withdrawn';
  } else if (isRetracted) {
    // as if it had never been said
  } else if (kind === 'passed_by') {
    if (row.state === 'approached') row.state = 'passed_by';
  } else if (kind === 'arrived') {
    if (row.state === 'approached' || row.state === 'passed_by') row.state = 'inside';
    if (row.arrived_at === null || time < row.arrived_at) row.arrived_at = time;
  } else if (kind === 'exited' && isOwner) {
    row.left_at = time;
    if (row.state !== 'withdrawn') row.state = 'left';
  } else if (kind === 'floor_changed') {
    row.climbs += 1;
  } else if (kind === 'dwell_ended') {
    row.dwells += 1;
    row.dwell_ms += Math.round(data.duration_s * 1000);
  } else if (kind === 'bag_carried') {
    row.bags += 1;
    row.bag_minor += data.receipt.amount_minor ?? 0;
  } else if (kind === 'linked') {
    // A visit can be that of a party: each member of it is told by an event of their own.
    row.members = [...new Set([...row.members, data.member])].sort();
  }
}
