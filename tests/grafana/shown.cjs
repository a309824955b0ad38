// What the dashboard's panels show of answers that Prometheus gave, worked out by Grafana's library: transformations, legends,
// units, mappings, thresholds. The frames that Grafana's data source makes of answers are made here.
const fs = require('node:fs');
const { firstValueFrom } = require('rxjs');
const { data, theme } = require('./library.cjs');

const { standardTransformers, FieldType } = data;
const transformers = new Map(Object.values(standardTransformers).map((t) => [t.id, t]));
data.standardTransformersRegistry.setInit(() => [...transformers].map(([id, t]) => ({ id, name: t.name, transformation: async () => t })));

/** A series of a range. */
const series = (target) => ({ metric, values }) => data.toDataFrame({ refId: target.refId, fields: [
  { name: 'Time', type: FieldType.time, values: values.map(([t]) => t * 1000) },
  { name: 'Value', type: FieldType.number, labels: metric, values: values.map(([, v]) => Number(v)),
    config: target.legendFormat ? { displayNameFromDS: data.renderLegendFormat(target.legendFormat, metric) } : {} },
] });

/** A table of the last values: a column for each label. */
function table(target, answer, several) {
  const labels = [...new Set(answer.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return data.toDataFrame({ refId: target.refId, fields: answer.length === 0 ? [] : [
    { name: 'Time', type: FieldType.time, values: answer.map(({ value }) => value[0] * 1000) },
    ...labels.map((name) => ({ name, type: FieldType.string, values: answer.map(({ metric }) => metric[name] ?? '') })),
    { name: several ? `Value #${target.refId}` : 'Value', type: FieldType.number, values: answer.map(({ value }) => Number(value[1])) },
  ] });
}

/** Every property that the panel sets: which there are, Grafana says in its panels, and their types were asked already. */
function registry({ fieldConfig: { defaults, overrides } }) {
  const ids = [...Object.keys(defaults), ...overrides.flatMap((o) => o.properties.map((p) => p.id))].filter((id) => id !== 'custom');
  return new data.FieldConfigOptionsRegistry(() => [...new Set(ids)].map((id) => ({
    id, path: id.replace(/^custom\./, ''), isCustom: id.startsWith('custom.'), process: (value) => value, shouldApply: () => true,
  })));
}

async function shown(panel, answers) {
  const frames = panel.targets.flatMap((target) => target.format === 'table'
    ? [table(target, answers[target.refId], panel.targets.length > 1)] : answers[target.refId].map(series(target)));
  const transformed = await firstValueFrom(data.transformDataFrame(panel.transformations ?? [], frames));
  const applied = data.applyFieldOverrides({
    data: transformed, fieldConfig: panel.fieldConfig, fieldConfigRegistry: registry(panel),
    replaceVariables: (text) => text, theme, timeZone: 'utc',
  });
  const cell = (field, row) => {
    const { text, prefix = '', suffix = '', color } = field.display(field.values[row]);
    const name = ['red', 'orange', 'green', 'blue'].find((n) => theme.visualization.getColorByName(n) === color);
    const { color: by, mappings, thresholds } = field.config;
    const coloured = by ? by.mode !== 'palette-classic' : mappings || thresholds;
    return `${prefix}${text}${suffix}${coloured && name ? ` (${name})` : ''}`;
  };
  const lines = [];
  for (const frame of applied) {
    if (panel.type !== 'table') continue;
    for (let row = 0; row < frame.length; row++) {
      const cells = frame.fields.map((f) => [data.getFieldDisplayName(f, frame, applied), cell(f, row)]);
      lines.push(cells.filter(([, text]) => text.trim() !== '').map((pair) => pair.join(' ')).join(', '));
    }
  }
  if (panel.type === 'table') return lines;
  const fields = applied.flatMap((frame) => frame.fields.filter((f) => f.type === FieldType.number).map((f) => [f, frame]));
  const last = ([f, frame]) => `${data.getFieldDisplayName(f, frame, applied)} ${cell(f, f.values.length - 1)}`;
  return [panel.type === 'stat' ? fields.map(([f]) => cell(f, f.values.length - 1)).join(', ') : fields.map(last).join(', ')];
}

async function main([dashboard, answers]) {
  const { panels } = JSON.parse(fs.readFileSync(dashboard, 'utf8'));
  const given = JSON.parse(fs.readFileSync(answers, 'utf8'));
  for (const panel of panels.filter((p) => p.type !== 'row')) {
    for (const line of await shown(panel, given[panel.title])) {
      console.log(`${panel.title}: ${line}`);
      // A column that was not renamed or left out, a value that is none.
      if (/Value|Time \d|NaN|undefined|Infinity/.test(line)) throw new Error(`${panel.title}: ${line}`);
    }
  }
}
main(process.argv.slice(2)).catch((error) => { console.error(error.message); process.exit(1); });
