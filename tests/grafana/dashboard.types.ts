// What Grafana says a dashboard is: the types it generates from its own definitions and publishes (@grafana/schema), put
// together so that the compiler knows each panel's options, and refuses what none of them has.
import type { FieldConfig, FieldConfigSource, RowPanel as Row, Dashboard as AnyDashboard, Panel as AnyPanel } from '@grafana/schema';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type * as StateTimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type { AnnotationQuery } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';

/** A type as JSON writes it: an enumeration of strings is its strings. */
type Json<T> = unknown extends T ? T
  : T extends string ? `${T}`
  : T extends readonly (infer Item)[] ? Json<Item>[]
  : T extends object ? { [Key in keyof T]: Json<T[Key]> }
  : T;

/** Nothing but these keys: Grafana leaves both places open for plugins. */
type Defaults<Custom> = Omit<FieldConfig, 'custom'> & { custom?: Custom };
type Fields<Custom> = Omit<FieldConfigSource, 'defaults'> & { defaults: Defaults<Custom> };

/** A query, of which the server that is asked must be named. */
type Query = Omit<Dataquery, '_implementsDataqueryVariant' | 'refId' | 'datasource'> &
  Required<Pick<Dataquery, 'refId' | 'datasource'>>;

type Panel<Type, Options, Custom> = Json<Omit<AnyPanel, 'type' | 'options' | 'fieldConfig' | 'targets'> &
  Required<Pick<AnyPanel, 'id' | 'title' | 'gridPos' | 'datasource'>> &
  { type: Type; options: Options; fieldConfig: Fields<Custom>; targets: Query[] }>;

export interface Panels {
  row: Json<Row>;
  stat: Panel<'stat', Stat.Options, Record<string, never>>;
  table: Panel<'table', Table.Options, Partial<Table.FieldConfig>>;
  timeseries: Panel<'timeseries', TimeSeries.Options, TimeSeries.FieldConfig>;
  'state-timeline': Panel<'state-timeline', StateTimeline.Options, StateTimeline.FieldConfig>;
}

/** What one override sets. */
export interface Overrides {
  row: never;
  stat: Json<Defaults<Record<string, never>>>;
  table: Json<Defaults<Partial<Table.FieldConfig>>>;
  timeseries: Json<Defaults<TimeSeries.FieldConfig>>;
  'state-timeline': Json<Defaults<StateTimeline.FieldConfig>>;
}

export type Dashboard = Json<Omit<AnyDashboard, 'panels' | 'annotations'> &
  Required<Pick<AnyDashboard, 'uid' | 'title' | 'time'>> &
  { panels: []; annotations: { list: Omit<AnnotationQuery, 'target'>[] } }>;
