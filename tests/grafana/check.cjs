// Is the dashboard what Grafana takes? Asked of its published types (compiler, strictly, no property too many) and of its
// library (units, calculations, transformations, colours). Ends with 1 and the reasons when not, or when one of the
// dashboards that are wrong on purpose passes.
const fs = require('node:fs');
const path = require('node:path');
const ts = require('typescript');
const { library, grafana } = require('./library.cjs');

const at = (row, path) => path.reduce((value, key) => value[key], row);

/** TypeScript that holds each part of a dashboard against its type. */
function literals(dashboard) {
  const parts = [`import type { Dashboard, Panels, Overrides } from './dashboard.types';`];
  const part = (type, value) => parts.push(`export const part${parts.length}: ${type} = ${JSON.stringify(value)};`);
  part('Dashboard', { ...dashboard, panels: [] });
  for (const panel of dashboard.panels) {
    part(`Panels['${panel.type}']`, panel);
    for (const { id, value } of (panel.fieldConfig?.overrides ?? []).flatMap((o) => o.properties)) {
      part(`Overrides['${panel.type}']`, id.startsWith('custom.') ? { custom: { [id.slice(7)]: value } } : { [id]: value });
    }
  }
  return parts.join('\n');
}

/** What the compiler says of each dashboard; `schema` is the folder of the package with the types. */
function compiled(dashboards, schema) {
  const file = (name) => path.join(__dirname, `${name}.ts`);
  const options = {
    strict: true, exactOptionalPropertyTypes: true, noEmit: true, skipLibCheck: true, types: [],
    target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler,
    ...(schema && { paths: { '@grafana/schema': [`${schema}/dist/esm/index.d.ts`], '@grafana/schema/*': [`${schema}/*`] } }),
  };
  const written = new Map(Object.entries(dashboards).map(([name, d]) => [file(name), literals(d)]));
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists } = host;
  host.readFile = (name) => written.get(path.normalize(name)) ?? readFile(name);
  host.fileExists = (name) => written.has(path.normalize(name)) || fileExists(name);
  const program = ts.createProgram([...written.keys()], options, host);
  const said = (list) => list.map((d) => ts.flattenDiagnosticMessageText(d.messageText, ' '));
  const types = program.getSourceFile(file('dashboard.types'));
  // Types that are not found would be `any`, and accept everything.
  const broken = said([...program.getOptionsDiagnostics(), ...program.getSemanticDiagnostics(types)]);
  if (broken.length > 0) throw new Error(`dashboard.types.ts: ${broken.join('; ')}`);
  const all = (name) => [...program.getSyntacticDiagnostics(name), ...program.getSemanticDiagnostics(name)];
  return Object.fromEntries(Object.keys(dashboards).map((name) => [name, said(all(program.getSourceFile(file(name))))]));
}

/** What neither types nor library say, and a Grafana would stumble over or show wrongly. */
function consistent({ panels, templating, ...rest }) {
  const wrong = [];
  const twice = (what, list) => list.filter((x, i) => list.indexOf(x) !== i).forEach((x) => wrong.push(`${what} ${x} is there twice`));
  twice('panel', panels.map((p) => p.id));
  for (const p of panels) twice(`panel ${p.id}: query`, (p.targets ?? []).map((t) => t.refId));
  const cells = panels.flatMap(({ id, gridPos: { x, y, w, h } }) => {
    if (x < 0 || x + w > 24 || w < 1 || h < 1) wrong.push(`panel ${id} is not within the 24 columns`);
    return Array.from({ length: w * h }, (_, i) => `${x + (i % w)}/${y + Math.floor(i / w)}`);
  });
  if (new Set(cells).size !== cells.length) wrong.push('panels lie on one another');
  const builtin = ['__rate_interval', '__field', '__value', '__url_time_range'];
  const known = new Set([...builtin, ...templating.list.map((v) => v.name)]);
  for (const [, name] of JSON.stringify([panels, templating, rest]).matchAll(/\$\{?(\w+)/g)) {
    if (!known.has(name) && name !== '__all') wrong.push(`no variable is called ${name}`);
  }
  if (!/^[\w-]{8,40}$/.test(rest.uid)) wrong.push(`uid ${rest.uid}`);
  return wrong;
}

/** Dashboards with one thing wrong, and who has to notice. */
const MISTAKES = {
  option: (d, p) => { p('timeseries').options.legend.placment = 'bottom'; },
  choice: (d, p) => { p('timeseries').options.legend.placement = 'botom'; },
  missing: (d, p) => { delete p('stat').options.colorMode; },
  custom: (d, p) => { p('timeseries').fieldConfig.defaults.custom.lineWitdh = 2; },
  others: (d, p) => { p('state-timeline').fieldConfig.defaults.custom.drawStyle = 'line'; },
  override: (d, p) => { p('table').fieldConfig.overrides[0].properties.push({ id: 'custom.widht', value: 8 }); },
  query: (d, p) => { p('stat').targets[0].exprr = 'up'; },
  kind: (d, p) => { p('timeseries').type = 'timeserie'; },
  field: (d, p) => { p('stat').fieldConfig.defaults.units = 's'; },
  refresh: (d) => { d.templating.list[1].refresh = 9; },
  annotation: (d) => { d.annotations.list[0].titelFormat = ''; },
  top: (d) => { d.schemaversion = 39; },
  unit: (d, p) => { p('timeseries').fieldConfig.defaults.unit = 'celcius'; },
  calculation: (d, p) => { p('stat').options.reduceOptions.calcs = ['lastNotNul']; },
  transformation: (d, p) => { p('table').transformations[0].id = 'organise'; },
  colour: (d, p) => { p('stat').fieldConfig.defaults.color = { mode: 'fixed', fixedColor: 'gren' }; },
  matcher: (d, p) => { p('table').fieldConfig.overrides[0].matcher.id = 'byNam'; },
  identity: (d) => { d.panels[2].id = d.panels[1].id; },
  overlap: (d) => { d.panels[2].gridPos = d.panels[1].gridPos; },
  variable: (d, p) => { p('stat').targets[0].expr = 'up{instance=~"$gateway"}'; },
};

const dashboard = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const dashboards = { dashboard };
for (const [name, spoil] of Object.entries(MISTAKES)) {
  const copy = structuredClone(dashboard);
  spoil(copy, (type) => copy.panels.find((p) => p.type === type && !(type === 'table' && !p.transformations)));
  dashboards[name] = copy;
}
const wrong = [];
for (const [version, schema] of [['13.2', null], ['11.6', path.join(__dirname, 'node_modules/grafana-schema-11')]]) {
  const types = compiled(dashboards, schema);
  for (const name of Object.keys(dashboards)) {
    const said = [...types[name], ...library(dashboards[name]), ...consistent(dashboards[name])];
    if (name === 'dashboard') wrong.push(...said.map((s) => `Grafana ${version}: ${s}`));
    else if (said.length === 0) wrong.push(`Grafana ${version}: a mistake is not noticed: ${name}`);
    else if (process.env.VERBOSE) console.log(`${version} ${name}: ${said.join(' | ').slice(0, 200)}`);
  }
  console.log(`types of Grafana ${version}: ${dashboard.panels.length} panels`);
}
if (wrong.length > 0) {
  console.error(wrong.join('\n'));
  process.exit(1);
}
console.log(`library of Grafana ${grafana}; mistakes refused: ${Object.keys(MISTAKES).length}`);
