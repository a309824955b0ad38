// Grafana's own library, asked what it knows of what a dashboard names.
// It was made for browsers, and looks for one.
globalThis.navigator ??= { language: 'en-US', languages: ['en-US'] };
const data = require('@grafana/data');
globalThis.window ??= globalThis;

const grafana = require('@grafana/data/package.json').version;
const theme = data.createTheme();
const units = new Set(data.getValueFormats().flatMap((group) => group.submenu.map((unit) => unit.value)));

/** Names in a dashboard that the library does not know. */
function library(dashboard) {
  const wrong = [];
  const known = (what, name, yes) => yes || wrong.push(`no ${what} is called ${name}`);
  const walk = (value, key, visit) => {
    visit(value, key);
    if (value && typeof value === 'object') for (const [k, v] of Object.entries(value)) walk(v, k, visit);
  };
  const colour = (name) => known('colour', name, theme.visualization.getColorByName(name) !== name || /^(#|transparent|text)/.test(name));
  walk(dashboard, '', (value, key) => {
    if (['color', 'fixedColor', 'iconColor'].includes(key) && typeof value === 'string') colour(value);
    if (key === 'unit') known('unit', value, units.has(value));
    if (key === 'calcs') value.forEach((id) => known('calculation', id, data.fieldReducers.getIfExists(id)));
    if (key === 'matcher') known('matcher', value.id, data.fieldMatchers.getIfExists(value.id));
    if (key === 'icon') known('icon', value, data.isIconName(value));
    if (key === 'transformations') {
      value.forEach(({ id }) => known('transformation', id, Object.values(data.standardTransformers).some((t) => t.id === id)));
    }
  });
  return wrong;
}

module.exports = { library, grafana, data, theme };
