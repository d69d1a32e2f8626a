/**
 * The calls of Grafana's HTTP API that a push makes, in the form of its published OpenAPI description
 * (public/api-merged.json of grafana/grafana). The names and types of fields were read from the client that Grafana
 * Labs generates from it (github.com/grafana/grafana-openapi-client-go, commit ee77c4f6f90e of 30 March 2026): `source`
 * names the file below models/ or client/. What is marked there as required is required here, and a field that is not
 * there is refused. The permissions are those of the same files and of Grafana's documentation of each call.
 */
export interface GrafanaCall {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly path: RegExp
  /** The action of Grafana's access control; undefined where any valid token will do. */
  readonly permission?: string
  readonly source: string
  /** JSON Schemas of the body and of the answer with status 200 or 202. */
  readonly body?: object
  readonly answer: object
}

const TEXT = { type: 'string' }
const COUNT = { type: 'integer' }
const YES = { type: 'boolean' }
const ANY_OBJECT = { type: 'object' }
const TEXTS = { type: 'object', additionalProperties: TEXT }

function fields(properties: object, required: readonly string[] = []): object {
  return { type: 'object', properties, required, additionalProperties: false }
}

/** models/folder.go */
const FOLDER = fields({
  id: COUNT,
  uid: TEXT,
  orgId: COUNT,
  title: TEXT,
  url: TEXT,
  hasAcl: YES,
  canSave: YES,
  canEdit: YES,
  canAdmin: YES,
  canDelete: YES,
  created: TEXT,
  createdBy: TEXT,
  updated: TEXT,
  updatedBy: TEXT,
  version: COUNT
})

/** models/add_data_source_command.go, which update_data_source_command.go extends by `version`. */
const SOURCE_FIELDS = {
  access: TEXT,
  basicAuth: YES,
  basicAuthUser: TEXT,
  database: TEXT,
  isDefault: YES,
  jsonData: ANY_OBJECT,
  name: TEXT,
  secureJsonData: TEXTS,
  type: TEXT,
  uid: TEXT,
  url: TEXT,
  user: TEXT,
  withCredentials: YES
}

/** models/data_source_list_item_d_t_o.go */
const LISTED_SOURCE = fields({
  access: TEXT,
  basicAuth: YES,
  database: TEXT,
  id: COUNT,
  isDefault: YES,
  jsonData: ANY_OBJECT,
  name: TEXT,
  orgId: COUNT,
  readOnly: YES,
  type: TEXT,
  typeLogoUrl: TEXT,
  typeName: TEXT,
  uid: TEXT,
  url: TEXT,
  user: TEXT
})

/** models/alert_query.go and models/relative_time_range.go */
const ALERT_QUERY = fields({
  datasourceUid: TEXT,
  model: ANY_OBJECT,
  queryType: TEXT,
  refId: TEXT,
  relativeTimeRange: fields({ from: COUNT, to: COUNT })
})

/** models/alert_rule_notification_settings.go */
const NOTIFICATION = fields(
  {
    active_time_intervals: { type: 'array', items: TEXT },
    group_by: { type: 'array', items: TEXT },
    group_interval: TEXT,
    group_wait: TEXT,
    mute_time_intervals: { type: 'array', items: TEXT },
    receiver: TEXT,
    repeat_interval: TEXT
  },
  ['receiver']
)

/** models/provisioned_alert_rule.go */
const ALERT_RULE = fields(
  {
    annotations: TEXTS,
    condition: TEXT,
    data: { type: 'array', items: ALERT_QUERY },
    execErrState: { enum: ['OK', 'Alerting', 'Error'] },
    folderUID: TEXT,
    for: { type: 'string', pattern: '^(\\d+(ms|[smhdwy]))+$' },
    id: COUNT,
    isPaused: YES,
    keep_firing_for: TEXT,
    labels: TEXTS,
    missingSeriesEvalsToResolve: COUNT,
    noDataState: { enum: ['Alerting', 'NoData', 'OK'] },
    notification_settings: NOTIFICATION,
    orgID: COUNT,
    provenance: TEXT,
    record: ANY_OBJECT,
    ruleGroup: { type: 'string', minLength: 1, maxLength: 190 },
    title: { type: 'string', minLength: 1, maxLength: 190 },
    uid: { type: 'string', minLength: 1, maxLength: 40, pattern: '^[a-zA-Z0-9-_]+$' },
    updated: TEXT
  },
  [
    'condition',
    'data',
    'execErrState',
    'folderUID',
    'for',
    'noDataState',
    'orgID',
    'ruleGroup',
    'title'
  ]
)

/** models/embedded_contact_point.go */
const CONTACT_POINT = fields(
  {
    disableResolveMessage: YES,
    name: TEXT,
    provenance: TEXT,
    settings: ANY_OBJECT,
    type: { enum: ['webhook', 'email', 'slack', 'teams', 'pagerduty'] },
    uid: { type: 'string', minLength: 1, maxLength: 40, pattern: '^[a-zA-Z0-9_-]+$' }
  },
  ['settings', 'type']
)

/** models/alert_rule_group.go */
const RULE_GROUP = fields({
  folderUid: TEXT,
  interval: COUNT,
  rules: { type: 'array', items: ALERT_RULE },
  title: TEXT
})

export const GRAFANA_CALLS: readonly GrafanaCall[] = [
  {
    method: 'GET',
    path: /^\/api\/v1\/provisioning\/contact-points$/,
    permission: 'alert.provisioning:read',
    source: 'client/provisioning GetContactpoints, models/embedded_contact_point.go',
    answer: { type: 'array', items: CONTACT_POINT }
  },
  {
    method: 'POST',
    path: /^\/api\/v1\/provisioning\/contact-points$/,
    permission: 'alert.provisioning:write',
    source: 'client/provisioning PostContactpoints, models/embedded_contact_point.go',
    body: CONTACT_POINT,
    answer: CONTACT_POINT
  },
  {
    method: 'PUT',
    path: /^\/api\/v1\/provisioning\/contact-points\/([\w-]+)$/,
    permission: 'alert.provisioning:write',
    source: 'client/provisioning PutContactpoint, models/embedded_contact_point.go and ack.go',
    body: CONTACT_POINT,
    answer: ANY_OBJECT
  },
  {
    method: 'GET',
    path: /^\/api\/health$/,
    source: 'client/health, models/health_response.go',
    answer: fields({ commit: TEXT, database: TEXT, enterpriseCommit: TEXT, version: TEXT })
  },
  {
    // Not in the description: pkg/api/api.go, GetPluginSettingByID of pkg/api/plugins.go.
    method: 'GET',
    path: /^\/api\/plugins\/([\w-]+)\/settings$/,
    source: 'grafana/grafana pkg/api/plugins.go',
    answer: ANY_OBJECT
  },
  {
    method: 'GET',
    path: /^\/api\/datasources$/,
    permission: 'datasources:read',
    source: 'client/datasources getDataSources, models/data_source_list_item_d_t_o.go',
    answer: { type: 'array', items: LISTED_SOURCE }
  },
  {
    method: 'POST',
    path: /^\/api\/datasources$/,
    permission: 'datasources:create',
    source: 'client/datasources addDataSource, models/add_data_source_o_k_body.go',
    body: fields(SOURCE_FIELDS),
    answer: fields({ datasource: ANY_OBJECT, id: COUNT, message: TEXT, name: TEXT }, [
      'datasource',
      'id',
      'message',
      'name'
    ])
  },
  {
    method: 'PUT',
    path: /^\/api\/datasources\/uid\/([\w-]+)$/,
    permission: 'datasources:write',
    source:
      'client/datasources updateDataSourceByUID, models/update_data_source_by_uid_o_k_body.go',
    body: fields({ ...SOURCE_FIELDS, version: COUNT }),
    answer: fields({ datasource: ANY_OBJECT, id: COUNT, message: TEXT, name: TEXT }, [
      'datasource',
      'id',
      'message',
      'name'
    ])
  },
  {
    method: 'GET',
    path: /^\/api\/datasources\/uid\/([\w-]+)\/health$/,
    permission: 'datasources:query',
    source: 'client/datasources checkDatasourceHealthWithUID',
    answer: ANY_OBJECT
  },
  {
    method: 'GET',
    path: /^\/api\/folders\/([\w-]+)$/,
    permission: 'folders:read',
    source: 'client/folders getFolderByUID, models/folder.go',
    answer: FOLDER
  },
  {
    method: 'GET',
    path: /^\/api\/folders\?limit=\d+$/,
    permission: 'folders:read',
    source: 'client/folders getFolders, models/folder_search_hit.go',
    answer: {
      type: 'array',
      items: fields({ id: COUNT, uid: TEXT, title: TEXT, parentUid: TEXT })
    }
  },
  {
    method: 'POST',
    path: /^\/api\/folders$/,
    permission: 'folders:create',
    source: 'client/folders createFolder, models/create_folder_command.go',
    body: fields({ description: TEXT, parentUid: TEXT, title: TEXT, uid: TEXT }),
    answer: FOLDER
  },
  {
    method: 'GET',
    path: /^\/api\/dashboards\/uid\/([\w-]+)$/,
    permission: 'dashboards:read',
    source: 'client/dashboards getDashboardByUID, models/dashboard_full_with_meta.go',
    answer: fields({ dashboard: ANY_OBJECT, meta: ANY_OBJECT })
  },
  {
    method: 'POST',
    path: /^\/api\/dashboards\/db$/,
    permission: 'dashboards:create',
    source: 'client/dashboards postDashboard, models/save_dashboard_command.go',
    body: fields({
      UpdatedAt: TEXT,
      dashboard: ANY_OBJECT,
      folderId: COUNT,
      folderUid: TEXT,
      isFolder: YES,
      message: TEXT,
      overwrite: YES,
      userId: COUNT
    }),
    answer: fields(
      {
        folderUid: TEXT,
        id: COUNT,
        status: TEXT,
        slug: TEXT,
        title: TEXT,
        uid: TEXT,
        url: TEXT,
        version: COUNT
      },
      ['id', 'status', 'uid', 'url', 'version']
    )
  },
  {
    method: 'GET',
    path: /^\/api\/v1\/provisioning\/folder\/([\w-]+)\/rule-groups\/([\w-]+)$/,
    permission: 'alert.provisioning:read',
    source: 'client/provisioning GetAlertRuleGroup, models/alert_rule_group.go',
    answer: RULE_GROUP
  },
  {
    method: 'PUT',
    path: /^\/api\/v1\/provisioning\/folder\/([\w-]+)\/rule-groups\/([\w-]+)$/,
    permission: 'alert.provisioning:write',
    source: 'client/provisioning PutAlertRuleGroup, models/alert_rule_group.go',
    body: RULE_GROUP,
    answer: RULE_GROUP
  }
]
