// Generated from the field table of flow-model; do not edit.
// To write it anew: cargo run -p flow-model --example typescript > web/src/model/fields.generated.ts

export const SCHEMA = 1;
export const NODES_MAX = 10000;
export const EDGES_MAX = 20000;
/** Characters of an id of a node, edge or item at most. */
export const ID_LENGTH_MAX = 64;
/** The output an edge without sourceHandle leaves by. */
export const DEFAULT_OUTPUT = 'out';

export type FieldKind =
  | 'text' | 'prose' | 'template' | 'expression' | 'bool' | 'int' | 'number' | 'enum' | 'duration' | 'date'
  | 'nodeRef' | 'variable' | 'texts' | 'json' | 'object' | 'list' | 'expressions';

/** How the document stores a value: one plain value, a Y.Text, or a Y.Map. */
export type Storage = 'value' | 'text' | 'map';

export interface Choice { value: string; label: string }

/** The field or handle applies only when this holds, and `field` applies itself. */
export interface When { field: string; is?: string[]; isTrue?: true; isSet?: true }

export interface FieldSpec {
  name: string;
  label: string;
  doc: string;
  kind: FieldKind;
  storage: Storage;
  required: boolean;
  /** What a missing value means. */
  default?: string | number | boolean;
  when?: When;
  /** UTF-16 units. */
  lengthMax?: number;
  min?: number;
  max?: number;
  choices?: Choice[];
  /** For lists and objects: the key in ITEM_TYPES. */
  item?: string;
}

export interface ItemSpec { name: string; label: string; fields: FieldSpec[] }

/** One handle, or one per item of the list `perItem`: its id is the item's id. */
export type HandleSpec =
  | { id: string; label: string; doc: string; when?: When }
  | { perItem: string; label: string; onlyIf?: string; when?: When };

export interface NodeSpec {
  name: NodeType;
  version: number;
  label: string;
  doc: string;
  executed: boolean;
  hasInput: boolean;
  pauses: boolean;
  handles: HandleSpec[];
  fields: FieldSpec[];
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface ParameterItem {
  id: string;
  order: string;
  /** The variable it is bound to. */
  name?: string;
  /** What it must be. */
  type?: 'any' | 'text' | 'number' | 'bool' | 'list' | 'object' | 'datetime';
  /** Whether a run cannot start without it. */
  required?: boolean;
  /** Its value when none is given. */
  default?: Json;
  /** What it is for. */
  description?: string;
}

export interface BlockItem {
  id: string;
  order: string;
  /** What the block is. */
  kind?: 'text' | 'image' | 'video' | 'audio' | 'file' | 'card' | 'carousel';
  /** Markdown, with {{ variables }}. */
  text?: string;
  /** Where the medium is. */
  url?: string;
  /** What people who cannot see it are told. */
  alt?: string;
  /** What the file is called. */
  name?: string;
  /** The card's title. */
  title?: string;
  /** The card's text. */
  subtitle?: string;
  /** The address of the card's image. */
  image?: string;
  /** The card's buttons. */
  buttons?: ButtonItem[];
  /** The carousel's cards. */
  cards?: CardItem[];
}

export interface MockItem {
  /** Whether the mock is used. */
  enabled?: boolean;
  /** Whether the node succeeds. */
  outcome?: 'output' | 'error';
  /** What the node yields. */
  output?: Json;
  /** What the node fails with. */
  error?: string;
}

export interface ButtonItem {
  id: string;
  order: string;
  /** What pressing it does. */
  kind?: 'reply' | 'url';
  /** What the button says. */
  label?: string;
  /** What is replied; the label if nothing is given. */
  value?: string;
  /** The page it opens. */
  url?: string;
}

export interface CardItem {
  id: string;
  order: string;
  /** The card's title. */
  title?: string;
  /** The card's text. */
  subtitle?: string;
  /** The address of the card's image. */
  image?: string;
  /** The card's buttons. */
  buttons?: ButtonItem[];
}

export interface OptionItem {
  id: string;
  order: string;
  /** What the option says. */
  label?: string;
  /** What is stored; the label if nothing is given. */
  value?: string;
  /** Whether choosing it leaves by a handle of its own. */
  own_port?: boolean;
}

export interface BranchItem {
  id: string;
  order: string;
  /** What the handle says. */
  label?: string;
  /** Rules, or one expression. */
  kind?: 'rules' | 'expression';
  /** How the rules are combined. */
  combine?: 'all' | 'any';
  /** Comparisons, and groups of them. */
  rules?: RuleItem[];
  /** True or false. */
  expression?: string;
}

export interface RuleItem {
  id: string;
  order: string;
  /** A comparison, or a group of rules. */
  kind?: 'comparison' | 'group';
  /** What is compared. */
  left?: string;
  /** How it is compared. */
  operator?: 'equals' | 'not_equals' | 'contains' | 'not_contains' | 'greater' | 'at_least' | 'less' | 'at_most' | 'is_set' | 'is_empty' | 'starts_with' | 'ends_with' | 'matches' | 'not_matches' | 'before' | 'after' | 'in_list' | 'length_equals' | 'length_greater' | 'length_less';
  /** A fixed value, or an expression. */
  right_kind?: 'value' | 'expression';
  /** What it is compared with. */
  right?: Json;
  /** What it is compared with. */
  right_expression?: string;
  /** How the group's rules are combined. */
  combine?: 'all' | 'any';
  /** The group's rules. */
  rules?: RuleItem[];
}

export interface AssignmentItem {
  id: string;
  order: string;
  /** The variable that changes. */
  variable?: string;
  /** How it changes. */
  kind?: 'value' | 'template' | 'expression' | 'append' | 'remove' | 'increment';
  /** The new value. */
  value?: Json;
  /** The new text, with {{ variables }}. */
  template?: string;
  /** The new value, what is appended or removed, or what is added. */
  expression?: string;
}

export interface PairItem {
  id: string;
  order: string;
  /** The name. */
  name?: string;
  /** The value, with {{ variables }}. */
  value?: string;
}

export interface RetryItem {
  /** Attempts after the first. */
  max?: number;
  /** How the wait grows. */
  backoff?: 'constant' | 'exponential';
  /** The wait before the first retry. */
  base_ms?: number;
  /** Each wait is this many times the last one. */
  factor?: number;
  /** No wait is longer than this. */
  cap_ms?: number;
  /** Draw each wait at random up to its length. */
  jitter?: boolean;
  /** Wait as long as the other side asks for. */
  respect_retry_after?: boolean;
}

export interface MappingItem {
  id: string;
  order: string;
  /** The variable that takes it. */
  variable?: string;
  /** How it is found in the response. */
  kind?: 'jsonpath' | 'expression';
  /** A JSONPath (RFC 9535) into the body. */
  path?: string;
  /** May use status, headers, body and ms. */
  expression?: string;
}

export interface TestItem {
  id: string;
  order: string;
  /** What it shows, in a sentence. */
  name?: string;
  /** What the flow takes for the time when it begins; the first moment of 2026 (UTC) if left out. */
  now?: string;
  /** Values that variables begin with, by their names. */
  variables?: Json;
  /** What nodes yield instead of acting, by their ids: {"output": …}, {"error": …}, or a list of those, one for each visit. */
  mocks?: Json;
  /** What is said, and what is expected then, in order. */
  turns?: TurnItem[];
}

export interface TurnItem {
  id: string;
  order: string;
  /** What is answered: a text, {"value": …}, {"choice": …} or {"files": […]}. The first turn may say nothing: it is how the flow begins. */
  say?: Json;
  /** Nobody answers, until the flow no longer waits for an answer. */
  wait?: boolean;
  /** What must hold of what the flow says then. */
  expect?: AssertionItem[];
}

export interface AssertionItem {
  id: string;
  order: string;
  /** What is compared, and how; with not- before it the opposite. */
  type?: 'equals' | 'contains' | 'icontains' | 'contains-any' | 'contains-all' | 'icontains-any' | 'icontains-all' | 'starts-with' | 'regex' | 'is-json' | 'latency' | 'expression' | 'status' | 'not-equals' | 'not-contains' | 'not-icontains' | 'not-contains-any' | 'not-contains-all' | 'not-icontains-any' | 'not-icontains-all' | 'not-starts-with' | 'not-regex' | 'not-is-json' | 'not-latency' | 'not-expression' | 'not-status';
  /** What is expected: a text, for some types a list of texts or any value. */
  value?: Json;
  /** The most milliseconds a turn may take. */
  threshold?: number;
}

export interface StartData {
  /** What starts a run. */
  trigger?: 'chat' | 'manual' | 'api';
  /** What a run is given when it starts. */
  input?: ParameterItem[];
}

export interface MessageData {
  /** What is sent, in order. */
  blocks?: BlockItem[];
  /** How long the typing indicator shows before each block but the first; by default as long as 400 words a minute take, at most 3 s. */
  typing_ms?: number;
  /** What happens when the node fails: the run fails, leaves by the error handle, or goes on with the error in last_error. */
  onError?: 'stop' | 'port' | 'continue';
  /** In previews and tests the node yields this instead of acting. */
  mock?: MockItem;
}

export interface InputData {
  /** What is asked for. */
  kind?: 'text' | 'number' | 'email' | 'url' | 'phone' | 'date' | 'choice' | 'rating' | 'confirm' | 'file';
  /** The variable that takes the checked reply. */
  variable?: string;
  /** Markdown shown before waiting, with {{ variables }}. */
  prompt?: string;
  /** Shown in the empty reply box. */
  placeholder?: string;
  /** Shown when the reply is not valid. */
  retry_message?: string;
  /** After so many replies that do not fit, the run leaves by Invalid; without it, it asks for ever. */
  max_attempts?: number;
  /** How long to wait for a reply before leaving by Timeout; without it, for ever. */
  timeout_ms?: number;
  /** Characters at least. */
  min_length?: number;
  /** Characters at most. */
  max_length?: number;
  /** A regular expression the whole reply matches. */
  pattern?: string;
  /** Whether the box takes line breaks. */
  multiline?: boolean;
  /** The number is at least this. */
  min?: number;
  /** The number is at most this. */
  max?: number;
  /** The number is a multiple of this, counted from the smallest. */
  step?: number;
  /** Whether fractions are refused. */
  integer?: boolean;
  /** The two-letter country of numbers without a country code. */
  default_country?: string;
  /** The date is not before this. */
  min_date?: string;
  /** The date is not after this. */
  max_date?: string;
  /** Whether a time of day is asked for as well. */
  with_time?: boolean;
  /** What can be chosen. */
  options?: OptionItem[];
  /** A list variable that holds further options. */
  options_from?: string;
  /** Whether more than one option may be chosen. */
  multiple?: boolean;
  /** Options chosen at least. */
  min_choices?: number;
  /** Options chosen at most. */
  max_choices?: number;
  /** Ratings go from 1 to this. */
  rating_max?: number;
  /** The label of the affirming answer. */
  yes_label?: string;
  /** The label of the denying answer. */
  no_label?: string;
  /** Media types accepted, such as image/png or image/*; judged by content. All, if none is given. */
  file_types?: string[];
  /** Bytes of one file at most. */
  file_bytes_max?: number;
  /** Files at most. */
  files_max?: number;
  /** What happens when the node fails: the run fails, leaves by the error handle, or goes on with the error in last_error. */
  onError?: 'stop' | 'port' | 'continue';
  /** In previews and tests the node yields this instead of acting. */
  mock?: MockItem;
}

export interface ConditionData {
  /** Tried in order; the first that is true is taken. */
  branches?: BranchItem[];
  /** Strict: comparing values of different types is an error. Loose: they are converted first. */
  mode?: 'strict' | 'loose';
  /** What happens when the node fails: the run fails, leaves by the error handle, or goes on with the error in last_error. */
  onError?: 'stop' | 'port' | 'continue';
  /** In previews and tests the node yields this instead of acting. */
  mock?: MockItem;
}

export interface SetData {
  /** Variables to change. Every right-hand side sees the state before the node. */
  assignments?: AssignmentItem[];
  /** What happens when the node fails: the run fails, leaves by the error handle, or goes on with the error in last_error. */
  onError?: 'stop' | 'port' | 'continue';
  /** In previews and tests the node yields this instead of acting. */
  mock?: MockItem;
}

export interface ApiData {
  /** Whether to call out, or to answer from the mock below. */
  mode?: 'http' | 'mock';
  /** The HTTP method. */
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** An http or https address, with {{ variables }}. */
  url?: string;
  /** Parameters added to the address. */
  query?: PairItem[];
  /** Request headers. */
  headers?: PairItem[];
  /** How the call is authorised. */
  auth?: 'none' | 'basic' | 'bearer' | 'api_key';
  /** The user name. */
  auth_user?: string;
  /** The header or parameter that carries the key. */
  auth_name?: string;
  /** Where the key goes. */
  auth_in?: 'header' | 'query';
  /** The name of the stored secret that is the password, token or key; never the secret itself. */
  auth_secret?: string;
  /** What kind of body is sent. */
  body_kind?: 'none' | 'json' | 'form' | 'raw';
  /** The body, with {{ variables }}. */
  body?: string;
  /** The media type of a raw body. */
  content_type?: string;
  /** The fields of the form. */
  form?: PairItem[];
  /** Whether the other side honours the Idempotency-Key header, so that a call of unknown outcome may be repeated. */
  idempotent?: boolean;
  /** How long a call may take. */
  timeout_ms?: number;
  /** How often and how fast a failed attempt is repeated. */
  retry?: RetryItem;
  /** What of the response goes into which variable. */
  map?: MappingItem[];
  /** The status the mock answers. */
  mock_status?: number;
  /** The body the mock answers. */
  mock_body?: Json;
  /** How long the mock takes. */
  mock_delay_ms?: number;
  /** What happens when the node fails: the run fails, leaves by the error handle, or goes on with the error in last_error. */
  onError?: 'stop' | 'port' | 'continue';
  /** In previews and tests the node yields this instead of acting. */
  mock?: MockItem;
}

export interface DelayData {
  /** How the end is given. */
  mode?: 'duration' | 'until' | 'expression';
  /** How long to wait, at most 365 days. */
  duration_ms?: number;
  /** When to go on; at once if it is past. */
  until?: string;
  /** Milliseconds, or a date and time. */
  expression?: string;
  /** Whether the typing indicator shows meanwhile. */
  typing?: boolean;
  /** What happens when the node fails: the run fails, leaves by the error handle, or goes on with the error in last_error. */
  onError?: 'stop' | 'port' | 'continue';
  /** In previews and tests the node yields this instead of acting. */
  mock?: MockItem;
}

export interface JumpData {
  /** The node where the run goes on. */
  target?: string;
}

export interface EndData {
  /** Names and the expressions whose values they get. */
  output?: Record<string, string>;
  /** Markdown sent before the end, with {{ variables }}. */
  message?: string;
}

export interface NoteData {
  /** Markdown. */
  text?: string;
  /** The paper's colour. */
  colour?: 'yellow' | 'blue' | 'green' | 'red' | 'purple' | 'grey';
}

export interface GroupData {
  /** What the group is about. */
  text?: string;
  /** The frame's colour. */
  colour?: 'yellow' | 'blue' | 'green' | 'red' | 'purple' | 'grey';
}

export type NodeType = 'start' | 'message' | 'input' | 'condition' | 'set' | 'api' | 'delay' | 'jump' | 'end' | 'note' | 'group';

export interface NodeData {
  start: StartData;
  message: MessageData;
  input: InputData;
  condition: ConditionData;
  set: SetData;
  api: ApiData;
  delay: DelayData;
  jump: JumpData;
  end: EndData;
  note: NoteData;
  group: GroupData;
}

export const ITEM_TYPES: Record<string, ItemSpec> = {
  parameter: {
    "name":"parameter","label":"Parameter",
    "fields": [
      {"name":"name","label":"Name","doc":"The variable it is bound to.","kind":"variable","storage":"value","required":true},
      {"name":"type","label":"Type","doc":"What it must be.","kind":"enum","storage":"value","required":false,"default":"any","choices":[{"value":"any","label":"Anything"},{"value":"text","label":"Text"},{"value":"number","label":"Number"},{"value":"bool","label":"Yes or no"},{"value":"list","label":"List"},{"value":"object","label":"Object"},{"value":"datetime","label":"Date and time"}]},
      {"name":"required","label":"Required","doc":"Whether a run cannot start without it.","kind":"bool","storage":"value","required":false,"default":false},
      {"name":"default","label":"Default","doc":"Its value when none is given.","kind":"json","storage":"value","required":false},
      {"name":"description","label":"Description","doc":"What it is for.","kind":"text","storage":"value","required":false,"lengthMax":1000},
    ],
  },
  block: {
    "name":"block","label":"Block",
    "fields": [
      {"name":"kind","label":"Kind","doc":"What the block is.","kind":"enum","storage":"value","required":false,"default":"text","choices":[{"value":"text","label":"Text"},{"value":"image","label":"Image"},{"value":"video","label":"Video"},{"value":"audio","label":"Audio"},{"value":"file","label":"File"},{"value":"card","label":"Card"},{"value":"carousel","label":"Carousel"}]},
      {"name":"text","label":"Text","doc":"Markdown, with {{ variables }}.","kind":"prose","storage":"text","required":true,"when":{"field":"kind","is":["text"]},"lengthMax":50000},
      {"name":"url","label":"Address","doc":"Where the medium is.","kind":"template","storage":"value","required":true,"when":{"field":"kind","is":["image","video","audio","file"]},"lengthMax":10000},
      {"name":"alt","label":"Description","doc":"What people who cannot see it are told.","kind":"template","storage":"value","required":false,"when":{"field":"kind","is":["image","video","audio"]},"lengthMax":10000},
      {"name":"name","label":"File name","doc":"What the file is called.","kind":"template","storage":"value","required":false,"when":{"field":"kind","is":["file"]},"lengthMax":10000},
      {"name":"title","label":"Title","doc":"The card's title.","kind":"template","storage":"value","required":true,"when":{"field":"kind","is":["card"]},"lengthMax":10000},
      {"name":"subtitle","label":"Text","doc":"The card's text.","kind":"prose","storage":"text","required":false,"when":{"field":"kind","is":["card"]},"lengthMax":50000},
      {"name":"image","label":"Image","doc":"The address of the card's image.","kind":"template","storage":"value","required":false,"when":{"field":"kind","is":["card"]},"lengthMax":10000},
      {"name":"buttons","label":"Buttons","doc":"The card's buttons.","kind":"list","storage":"map","required":false,"when":{"field":"kind","is":["card"]},"item":"button"},
      {"name":"cards","label":"Cards","doc":"The carousel's cards.","kind":"list","storage":"map","required":true,"when":{"field":"kind","is":["carousel"]},"item":"card"},
    ],
  },
  mock: {
    "name":"mock","label":"Mock",
    "fields": [
      {"name":"enabled","label":"Enabled","doc":"Whether the mock is used.","kind":"bool","storage":"value","required":false,"default":false},
      {"name":"outcome","label":"Outcome","doc":"Whether the node succeeds.","kind":"enum","storage":"value","required":false,"default":"output","choices":[{"value":"output","label":"An output"},{"value":"error","label":"An error"}]},
      {"name":"output","label":"Output","doc":"What the node yields.","kind":"json","storage":"value","required":false,"when":{"field":"outcome","is":["output"]}},
      {"name":"error","label":"Error","doc":"What the node fails with.","kind":"template","storage":"value","required":false,"when":{"field":"outcome","is":["error"]},"lengthMax":10000},
    ],
  },
  button: {
    "name":"button","label":"Button",
    "fields": [
      {"name":"kind","label":"Kind","doc":"What pressing it does.","kind":"enum","storage":"value","required":false,"default":"reply","choices":[{"value":"reply","label":"Replies"},{"value":"url","label":"Opens a page"}]},
      {"name":"label","label":"Label","doc":"What the button says.","kind":"template","storage":"value","required":true,"lengthMax":10000},
      {"name":"value","label":"Reply","doc":"What is replied; the label if nothing is given.","kind":"text","storage":"value","required":false,"when":{"field":"kind","is":["reply"]},"lengthMax":1000},
      {"name":"url","label":"Address","doc":"The page it opens.","kind":"template","storage":"value","required":true,"when":{"field":"kind","is":["url"]},"lengthMax":10000},
    ],
  },
  card: {
    "name":"card","label":"Card",
    "fields": [
      {"name":"title","label":"Title","doc":"The card's title.","kind":"template","storage":"value","required":true,"lengthMax":10000},
      {"name":"subtitle","label":"Text","doc":"The card's text.","kind":"prose","storage":"text","required":false,"lengthMax":50000},
      {"name":"image","label":"Image","doc":"The address of the card's image.","kind":"template","storage":"value","required":false,"lengthMax":10000},
      {"name":"buttons","label":"Buttons","doc":"The card's buttons.","kind":"list","storage":"map","required":false,"item":"button"},
    ],
  },
  option: {
    "name":"option","label":"Option",
    "fields": [
      {"name":"label","label":"Label","doc":"What the option says.","kind":"template","storage":"value","required":true,"lengthMax":10000},
      {"name":"value","label":"Value","doc":"What is stored; the label if nothing is given.","kind":"text","storage":"value","required":false,"lengthMax":1000},
      {"name":"own_port","label":"Own handle","doc":"Whether choosing it leaves by a handle of its own.","kind":"bool","storage":"value","required":false,"default":false},
    ],
  },
  branch: {
    "name":"branch","label":"Branch",
    "fields": [
      {"name":"label","label":"Label","doc":"What the handle says.","kind":"text","storage":"value","required":false,"lengthMax":1000},
      {"name":"kind","label":"Kind","doc":"Rules, or one expression.","kind":"enum","storage":"value","required":false,"default":"rules","choices":[{"value":"rules","label":"Rules"},{"value":"expression","label":"Expression"}]},
      {"name":"combine","label":"True when","doc":"How the rules are combined.","kind":"enum","storage":"value","required":false,"default":"all","when":{"field":"kind","is":["rules"]},"choices":[{"value":"all","label":"All of them"},{"value":"any","label":"Any of them"}]},
      {"name":"rules","label":"Rules","doc":"Comparisons, and groups of them.","kind":"list","storage":"map","required":true,"when":{"field":"kind","is":["rules"]},"item":"rule"},
      {"name":"expression","label":"Expression","doc":"True or false.","kind":"expression","storage":"value","required":true,"when":{"field":"kind","is":["expression"]}},
    ],
  },
  rule: {
    "name":"rule","label":"Rule",
    "fields": [
      {"name":"kind","label":"Kind","doc":"A comparison, or a group of rules.","kind":"enum","storage":"value","required":false,"default":"comparison","choices":[{"value":"comparison","label":"Comparison"},{"value":"group","label":"Group"}]},
      {"name":"left","label":"Left","doc":"What is compared.","kind":"expression","storage":"value","required":true,"when":{"field":"kind","is":["comparison"]}},
      {"name":"operator","label":"Operator","doc":"How it is compared.","kind":"enum","storage":"value","required":true,"when":{"field":"kind","is":["comparison"]},"choices":[{"value":"equals","label":"equals"},{"value":"not_equals","label":"does not equal"},{"value":"contains","label":"contains"},{"value":"not_contains","label":"does not contain"},{"value":"greater","label":"is greater than"},{"value":"at_least","label":"is at least"},{"value":"less","label":"is less than"},{"value":"at_most","label":"is at most"},{"value":"is_set","label":"is set"},{"value":"is_empty","label":"is empty"},{"value":"starts_with","label":"starts with"},{"value":"ends_with","label":"ends with"},{"value":"matches","label":"matches the pattern"},{"value":"not_matches","label":"does not match the pattern"},{"value":"before","label":"is before"},{"value":"after","label":"is after"},{"value":"in_list","label":"is one of"},{"value":"length_equals","label":"has the length"},{"value":"length_greater","label":"is longer than"},{"value":"length_less","label":"is shorter than"}]},
      {"name":"right_kind","label":"Compare with","doc":"A fixed value, or an expression.","kind":"enum","storage":"value","required":false,"default":"value","when":{"field":"operator","is":["equals","not_equals","contains","not_contains","greater","at_least","less","at_most","starts_with","ends_with","matches","not_matches","before","after","in_list","length_equals","length_greater","length_less"]},"choices":[{"value":"value","label":"A value"},{"value":"expression","label":"An expression"}]},
      {"name":"right","label":"Value","doc":"What it is compared with.","kind":"json","storage":"value","required":true,"when":{"field":"right_kind","is":["value"]}},
      {"name":"right_expression","label":"Expression","doc":"What it is compared with.","kind":"expression","storage":"value","required":true,"when":{"field":"right_kind","is":["expression"]}},
      {"name":"combine","label":"True when","doc":"How the group's rules are combined.","kind":"enum","storage":"value","required":false,"default":"all","when":{"field":"kind","is":["group"]},"choices":[{"value":"all","label":"All of them"},{"value":"any","label":"Any of them"}]},
      {"name":"rules","label":"Rules","doc":"The group's rules.","kind":"list","storage":"map","required":true,"when":{"field":"kind","is":["group"]},"item":"rule"},
    ],
  },
  assignment: {
    "name":"assignment","label":"Assignment",
    "fields": [
      {"name":"variable","label":"Variable","doc":"The variable that changes.","kind":"variable","storage":"value","required":true},
      {"name":"kind","label":"Set to","doc":"How it changes.","kind":"enum","storage":"value","required":false,"default":"value","choices":[{"value":"value","label":"a value"},{"value":"template","label":"a text"},{"value":"expression","label":"an expression"},{"value":"append","label":"append to the list"},{"value":"remove","label":"remove from the list"},{"value":"increment","label":"add to the number"}]},
      {"name":"value","label":"Value","doc":"The new value.","kind":"json","storage":"value","required":false,"when":{"field":"kind","is":["value"]}},
      {"name":"template","label":"Text","doc":"The new text, with {{ variables }}.","kind":"template","storage":"value","required":false,"when":{"field":"kind","is":["template"]},"lengthMax":10000},
      {"name":"expression","label":"Expression","doc":"The new value, what is appended or removed, or what is added.","kind":"expression","storage":"value","required":true,"when":{"field":"kind","is":["expression","append","remove","increment"]}},
    ],
  },
  pair: {
    "name":"pair","label":"Entry",
    "fields": [
      {"name":"name","label":"Name","doc":"The name.","kind":"text","storage":"value","required":true,"lengthMax":1000},
      {"name":"value","label":"Value","doc":"The value, with {{ variables }}.","kind":"template","storage":"value","required":false,"lengthMax":10000},
    ],
  },
  retry: {
    "name":"retry","label":"Retry",
    "fields": [
      {"name":"max","label":"Retries","doc":"Attempts after the first.","kind":"int","storage":"value","required":false,"default":0,"min":0,"max":20},
      {"name":"backoff","label":"Backoff","doc":"How the wait grows.","kind":"enum","storage":"value","required":false,"default":"exponential","choices":[{"value":"constant","label":"Constant"},{"value":"exponential","label":"Exponential"}]},
      {"name":"base_ms","label":"First wait","doc":"The wait before the first retry.","kind":"duration","storage":"value","required":false,"default":500,"min":0,"max":86400000},
      {"name":"factor","label":"Factor","doc":"Each wait is this many times the last one.","kind":"number","storage":"value","required":false,"default":2,"when":{"field":"backoff","is":["exponential"]}},
      {"name":"cap_ms","label":"Longest wait","doc":"No wait is longer than this.","kind":"duration","storage":"value","required":false,"default":30000,"min":0,"max":86400000},
      {"name":"jitter","label":"Jitter","doc":"Draw each wait at random up to its length.","kind":"bool","storage":"value","required":false,"default":true},
      {"name":"respect_retry_after","label":"Obey Retry-After","doc":"Wait as long as the other side asks for.","kind":"bool","storage":"value","required":false,"default":true},
    ],
  },
  mapping: {
    "name":"mapping","label":"Result",
    "fields": [
      {"name":"variable","label":"Store in","doc":"The variable that takes it.","kind":"variable","storage":"value","required":true},
      {"name":"kind","label":"By","doc":"How it is found in the response.","kind":"enum","storage":"value","required":false,"default":"jsonpath","choices":[{"value":"jsonpath","label":"JSONPath"},{"value":"expression","label":"Expression"}]},
      {"name":"path","label":"Path","doc":"A JSONPath (RFC 9535) into the body.","kind":"text","storage":"value","required":true,"when":{"field":"kind","is":["jsonpath"]},"lengthMax":1000},
      {"name":"expression","label":"Expression","doc":"May use status, headers, body and ms.","kind":"expression","storage":"value","required":true,"when":{"field":"kind","is":["expression"]}},
    ],
  },
  test: {
    "name":"test","label":"Test case",
    "fields": [
      {"name":"name","label":"Name","doc":"What it shows, in a sentence.","kind":"text","storage":"value","required":false,"lengthMax":1000},
      {"name":"now","label":"Begins at","doc":"What the flow takes for the time when it begins; the first moment of 2026 (UTC) if left out.","kind":"date","storage":"value","required":false},
      {"name":"variables","label":"Variables","doc":"Values that variables begin with, by their names.","kind":"json","storage":"value","required":false},
      {"name":"mocks","label":"Mocks","doc":"What nodes yield instead of acting, by their ids: {\"output\": …}, {\"error\": …}, or a list of those, one for each visit.","kind":"json","storage":"value","required":false},
      {"name":"turns","label":"Turns","doc":"What is said, and what is expected then, in order.","kind":"list","storage":"map","required":false,"item":"turn"},
    ],
  },
  turn: {
    "name":"turn","label":"Turn",
    "fields": [
      {"name":"say","label":"Say","doc":"What is answered: a text, {\"value\": …}, {\"choice\": …} or {\"files\": […]}. The first turn may say nothing: it is how the flow begins.","kind":"json","storage":"value","required":false},
      {"name":"wait","label":"Wait","doc":"Nobody answers, until the flow no longer waits for an answer.","kind":"bool","storage":"value","required":false,"default":false},
      {"name":"expect","label":"Expect","doc":"What must hold of what the flow says then.","kind":"list","storage":"map","required":false,"item":"assertion"},
    ],
  },
  assertion: {
    "name":"assertion","label":"Assertion",
    "fields": [
      {"name":"type","label":"Type","doc":"What is compared, and how; with not- before it the opposite.","kind":"enum","storage":"value","required":true,"choices":[{"value":"equals","label":"Equals"},{"value":"contains","label":"Contains"},{"value":"icontains","label":"Contains, in any case"},{"value":"contains-any","label":"Contains one of"},{"value":"contains-all","label":"Contains all of"},{"value":"icontains-any","label":"Contains one of, in any case"},{"value":"icontains-all","label":"Contains all of, in any case"},{"value":"starts-with","label":"Starts with"},{"value":"regex","label":"Matches"},{"value":"is-json","label":"Is JSON"},{"value":"latency","label":"Takes at most"},{"value":"expression","label":"Makes an expression true"},{"value":"status","label":"Leaves the run"},{"value":"not-equals","label":"Does not equal"},{"value":"not-contains","label":"Does not contain"},{"value":"not-icontains","label":"Does not contain, in any case"},{"value":"not-contains-any","label":"Contains none of"},{"value":"not-contains-all","label":"Does not contain all of"},{"value":"not-icontains-any","label":"Contains none of, in any case"},{"value":"not-icontains-all","label":"Does not contain all of, in any case"},{"value":"not-starts-with","label":"Does not start with"},{"value":"not-regex","label":"Does not match"},{"value":"not-is-json","label":"Is no JSON"},{"value":"not-latency","label":"Takes more than"},{"value":"not-expression","label":"Makes an expression false"},{"value":"not-status","label":"Does not leave the run"}]},
      {"name":"value","label":"Value","doc":"What is expected: a text, for some types a list of texts or any value.","kind":"json","storage":"value","required":false},
      {"name":"threshold","label":"Threshold","doc":"The most milliseconds a turn may take.","kind":"number","storage":"value","required":false,"when":{"field":"type","is":["latency","not-latency"]}},
    ],
  },
};

export const NODE_TYPES: Record<NodeType, NodeSpec> = {
  start: {
    "name":"start","version":1,"label":"Start","doc":"Where a run begins; checks and binds its parameters.","executed":true,"hasInput":false,"pauses":false,"handles":[{"id":"out","label":"Out","doc":"The run begins."}],
    "fields": [
      {"name":"trigger","label":"Started by","doc":"What starts a run.","kind":"enum","storage":"value","required":false,"default":"chat","choices":[{"value":"chat","label":"A chat"},{"value":"manual","label":"By hand"},{"value":"api","label":"The API"}]},
      {"name":"input","label":"Parameters","doc":"What a run is given when it starts.","kind":"list","storage":"map","required":false,"item":"parameter"},
    ],
  },
  message: {
    "name":"message","version":1,"label":"Message","doc":"Sends text, media and cards.","executed":true,"hasInput":true,"pauses":false,"handles":[{"id":"out","label":"Out","doc":"The node is done."},{"id":"error","label":"Error","doc":"The node failed.","when":{"field":"onError","is":["port"]}}],
    "fields": [
      {"name":"blocks","label":"Content","doc":"What is sent, in order.","kind":"list","storage":"map","required":true,"item":"block"},
      {"name":"typing_ms","label":"Typing time","doc":"How long the typing indicator shows before each block but the first; by default as long as 400 words a minute take, at most 3 s.","kind":"duration","storage":"value","required":false,"min":0,"max":60000},
      {"name":"onError","label":"On error","doc":"What happens when the node fails: the run fails, leaves by the error handle, or goes on with the error in last_error.","kind":"enum","storage":"value","required":false,"default":"stop","choices":[{"value":"stop","label":"Stop the run"},{"value":"port","label":"Leave by the error handle"},{"value":"continue","label":"Go on"}]},
      {"name":"mock","label":"Mock","doc":"In previews and tests the node yields this instead of acting.","kind":"object","storage":"value","required":false,"item":"mock"},
    ],
  },
  input: {
    "name":"input","version":1,"label":"Input","doc":"Asks for a reply, checks it and stores it.","executed":true,"hasInput":true,"pauses":true,"handles":[{"id":"out","label":"Answered","doc":"The reply was valid."},{"perItem":"options","label":"Option","onlyIf":"own_port","when":{"field":"kind","is":["choice"]}},{"id":"default","label":"Other options","doc":"An option without a handle of its own was chosen; Answered, if nothing is connected here.","when":{"field":"kind","is":["choice"]}},{"id":"invalid","label":"Invalid","doc":"The attempts are used up.","when":{"field":"max_attempts","isSet":true}},{"id":"timeout","label":"Timeout","doc":"No reply came in time.","when":{"field":"timeout_ms","isSet":true}},{"id":"error","label":"Error","doc":"The node failed.","when":{"field":"onError","is":["port"]}}],
    "fields": [
      {"name":"kind","label":"Kind","doc":"What is asked for.","kind":"enum","storage":"value","required":false,"default":"text","choices":[{"value":"text","label":"Text"},{"value":"number","label":"Number"},{"value":"email","label":"E-mail"},{"value":"url","label":"Web address"},{"value":"phone","label":"Phone number"},{"value":"date","label":"Date"},{"value":"choice","label":"Choice"},{"value":"rating","label":"Rating"},{"value":"confirm","label":"Yes or no"},{"value":"file","label":"File"}]},
      {"name":"variable","label":"Store in","doc":"The variable that takes the checked reply.","kind":"variable","storage":"value","required":true},
      {"name":"prompt","label":"Question","doc":"Markdown shown before waiting, with {{ variables }}.","kind":"prose","storage":"text","required":false,"lengthMax":50000},
      {"name":"placeholder","label":"Placeholder","doc":"Shown in the empty reply box.","kind":"template","storage":"value","required":false,"when":{"field":"kind","is":["text","number","email","url","phone","date"]},"lengthMax":10000},
      {"name":"retry_message","label":"When it does not fit","doc":"Shown when the reply is not valid.","kind":"prose","storage":"text","required":false,"lengthMax":50000},
      {"name":"max_attempts","label":"Attempts","doc":"After so many replies that do not fit, the run leaves by Invalid; without it, it asks for ever.","kind":"int","storage":"value","required":false,"min":1,"max":100},
      {"name":"timeout_ms","label":"Timeout","doc":"How long to wait for a reply before leaving by Timeout; without it, for ever.","kind":"duration","storage":"value","required":false,"min":1,"max":31536000000},
      {"name":"min_length","label":"Shortest","doc":"Characters at least.","kind":"int","storage":"value","required":false,"when":{"field":"kind","is":["text"]},"min":0,"max":100000},
      {"name":"max_length","label":"Longest","doc":"Characters at most.","kind":"int","storage":"value","required":false,"when":{"field":"kind","is":["text"]},"min":0,"max":100000},
      {"name":"pattern","label":"Pattern","doc":"A regular expression the whole reply matches.","kind":"text","storage":"value","required":false,"when":{"field":"kind","is":["text"]},"lengthMax":1000},
      {"name":"multiline","label":"Several lines","doc":"Whether the box takes line breaks.","kind":"bool","storage":"value","required":false,"default":false,"when":{"field":"kind","is":["text"]}},
      {"name":"min","label":"Smallest","doc":"The number is at least this.","kind":"number","storage":"value","required":false,"when":{"field":"kind","is":["number"]}},
      {"name":"max","label":"Largest","doc":"The number is at most this.","kind":"number","storage":"value","required":false,"when":{"field":"kind","is":["number"]}},
      {"name":"step","label":"Step","doc":"The number is a multiple of this, counted from the smallest.","kind":"number","storage":"value","required":false,"when":{"field":"kind","is":["number"]}},
      {"name":"integer","label":"Whole numbers","doc":"Whether fractions are refused.","kind":"bool","storage":"value","required":false,"default":false,"when":{"field":"kind","is":["number"]}},
      {"name":"default_country","label":"Country","doc":"The two-letter country of numbers without a country code.","kind":"text","storage":"value","required":false,"when":{"field":"kind","is":["phone"]},"lengthMax":2},
      {"name":"min_date","label":"Earliest","doc":"The date is not before this.","kind":"date","storage":"value","required":false,"when":{"field":"kind","is":["date"]}},
      {"name":"max_date","label":"Latest","doc":"The date is not after this.","kind":"date","storage":"value","required":false,"when":{"field":"kind","is":["date"]}},
      {"name":"with_time","label":"With a time","doc":"Whether a time of day is asked for as well.","kind":"bool","storage":"value","required":false,"default":false,"when":{"field":"kind","is":["date"]}},
      {"name":"options","label":"Options","doc":"What can be chosen.","kind":"list","storage":"map","required":false,"when":{"field":"kind","is":["choice"]},"item":"option"},
      {"name":"options_from","label":"Options from","doc":"A list variable that holds further options.","kind":"variable","storage":"value","required":false,"when":{"field":"kind","is":["choice"]}},
      {"name":"multiple","label":"Several","doc":"Whether more than one option may be chosen.","kind":"bool","storage":"value","required":false,"default":false,"when":{"field":"kind","is":["choice"]}},
      {"name":"min_choices","label":"At least","doc":"Options chosen at least.","kind":"int","storage":"value","required":false,"when":{"field":"multiple","isTrue":true},"min":0,"max":1000},
      {"name":"max_choices","label":"At most","doc":"Options chosen at most.","kind":"int","storage":"value","required":false,"when":{"field":"multiple","isTrue":true},"min":1,"max":1000},
      {"name":"rating_max","label":"Highest rating","doc":"Ratings go from 1 to this.","kind":"int","storage":"value","required":false,"default":5,"when":{"field":"kind","is":["rating"]},"min":2,"max":100},
      {"name":"yes_label","label":"Yes says","doc":"The label of the affirming answer.","kind":"template","storage":"value","required":false,"when":{"field":"kind","is":["confirm"]},"lengthMax":10000},
      {"name":"no_label","label":"No says","doc":"The label of the denying answer.","kind":"template","storage":"value","required":false,"when":{"field":"kind","is":["confirm"]},"lengthMax":10000},
      {"name":"file_types","label":"File types","doc":"Media types accepted, such as image/png or image/*; judged by content. All, if none is given.","kind":"texts","storage":"value","required":false,"when":{"field":"kind","is":["file"]}},
      {"name":"file_bytes_max","label":"Largest file","doc":"Bytes of one file at most.","kind":"int","storage":"value","required":false,"default":10485760,"when":{"field":"kind","is":["file"]},"min":1,"max":1073741824},
      {"name":"files_max","label":"Files","doc":"Files at most.","kind":"int","storage":"value","required":false,"default":1,"when":{"field":"kind","is":["file"]},"min":1,"max":100},
      {"name":"onError","label":"On error","doc":"What happens when the node fails: the run fails, leaves by the error handle, or goes on with the error in last_error.","kind":"enum","storage":"value","required":false,"default":"stop","choices":[{"value":"stop","label":"Stop the run"},{"value":"port","label":"Leave by the error handle"},{"value":"continue","label":"Go on"}]},
      {"name":"mock","label":"Mock","doc":"In previews and tests the node yields this instead of acting.","kind":"object","storage":"value","required":false,"item":"mock"},
    ],
  },
  condition: {
    "name":"condition","version":1,"label":"Condition","doc":"Goes on by the first branch that is true.","executed":true,"hasInput":true,"pauses":false,"handles":[{"perItem":"branches","label":"Branch"},{"id":"else","label":"Else","doc":"No branch was true."},{"id":"error","label":"Error","doc":"The node failed.","when":{"field":"onError","is":["port"]}}],
    "fields": [
      {"name":"branches","label":"Branches","doc":"Tried in order; the first that is true is taken.","kind":"list","storage":"map","required":true,"item":"branch"},
      {"name":"mode","label":"Types","doc":"Strict: comparing values of different types is an error. Loose: they are converted first.","kind":"enum","storage":"value","required":false,"default":"strict","choices":[{"value":"strict","label":"Strict"},{"value":"loose","label":"Loose"}]},
      {"name":"onError","label":"On error","doc":"What happens when the node fails: the run fails, leaves by the error handle, or goes on with the error in last_error.","kind":"enum","storage":"value","required":false,"default":"stop","choices":[{"value":"stop","label":"Stop the run"},{"value":"port","label":"Leave by the error handle"},{"value":"continue","label":"Go on"}]},
      {"name":"mock","label":"Mock","doc":"In previews and tests the node yields this instead of acting.","kind":"object","storage":"value","required":false,"item":"mock"},
    ],
  },
  set: {
    "name":"set","version":1,"label":"Set","doc":"Changes variables.","executed":true,"hasInput":true,"pauses":false,"handles":[{"id":"out","label":"Out","doc":"The node is done."},{"id":"error","label":"Error","doc":"The node failed.","when":{"field":"onError","is":["port"]}}],
    "fields": [
      {"name":"assignments","label":"Assignments","doc":"Variables to change. Every right-hand side sees the state before the node.","kind":"list","storage":"map","required":true,"item":"assignment"},
      {"name":"onError","label":"On error","doc":"What happens when the node fails: the run fails, leaves by the error handle, or goes on with the error in last_error.","kind":"enum","storage":"value","required":false,"default":"stop","choices":[{"value":"stop","label":"Stop the run"},{"value":"port","label":"Leave by the error handle"},{"value":"continue","label":"Go on"}]},
      {"name":"mock","label":"Mock","doc":"In previews and tests the node yields this instead of acting.","kind":"object","storage":"value","required":false,"item":"mock"},
    ],
  },
  api: {
    "name":"api","version":1,"label":"API call","doc":"Calls a web service and keeps its answer.","executed":true,"hasInput":true,"pauses":false,"handles":[{"id":"out","label":"Success","doc":"The status was 2xx."},{"id":"error","label":"Error","doc":"Any other status, or no response; if nothing is connected here, On error decides."}],
    "fields": [
      {"name":"mode","label":"Mode","doc":"Whether to call out, or to answer from the mock below.","kind":"enum","storage":"value","required":false,"default":"http","choices":[{"value":"http","label":"Call"},{"value":"mock","label":"Mock"}]},
      {"name":"method","label":"Method","doc":"The HTTP method.","kind":"enum","storage":"value","required":false,"default":"GET","when":{"field":"mode","is":["http"]},"choices":[{"value":"GET","label":"GET"},{"value":"HEAD","label":"HEAD"},{"value":"POST","label":"POST"},{"value":"PUT","label":"PUT"},{"value":"PATCH","label":"PATCH"},{"value":"DELETE","label":"DELETE"}]},
      {"name":"url","label":"Address","doc":"An http or https address, with {{ variables }}.","kind":"template","storage":"value","required":true,"when":{"field":"mode","is":["http"]},"lengthMax":10000},
      {"name":"query","label":"Query","doc":"Parameters added to the address.","kind":"list","storage":"map","required":false,"when":{"field":"mode","is":["http"]},"item":"pair"},
      {"name":"headers","label":"Headers","doc":"Request headers.","kind":"list","storage":"map","required":false,"when":{"field":"mode","is":["http"]},"item":"pair"},
      {"name":"auth","label":"Sign in","doc":"How the call is authorised.","kind":"enum","storage":"value","required":false,"default":"none","when":{"field":"mode","is":["http"]},"choices":[{"value":"none","label":"None"},{"value":"basic","label":"User and password"},{"value":"bearer","label":"Bearer token"},{"value":"api_key","label":"API key"}]},
      {"name":"auth_user","label":"User","doc":"The user name.","kind":"template","storage":"value","required":true,"when":{"field":"auth","is":["basic"]},"lengthMax":10000},
      {"name":"auth_name","label":"Key name","doc":"The header or parameter that carries the key.","kind":"text","storage":"value","required":true,"when":{"field":"auth","is":["api_key"]},"lengthMax":1000},
      {"name":"auth_in","label":"Key goes in","doc":"Where the key goes.","kind":"enum","storage":"value","required":false,"default":"header","when":{"field":"auth","is":["api_key"]},"choices":[{"value":"header","label":"Header"},{"value":"query","label":"Query"}]},
      {"name":"auth_secret","label":"Secret","doc":"The name of the stored secret that is the password, token or key; never the secret itself.","kind":"text","storage":"value","required":true,"when":{"field":"auth","is":["basic","bearer","api_key"]},"lengthMax":1000},
      {"name":"body_kind","label":"Body","doc":"What kind of body is sent.","kind":"enum","storage":"value","required":false,"default":"none","when":{"field":"mode","is":["http"]},"choices":[{"value":"none","label":"None"},{"value":"json","label":"JSON"},{"value":"form","label":"Form"},{"value":"raw","label":"Raw"}]},
      {"name":"body","label":"Content","doc":"The body, with {{ variables }}.","kind":"template","storage":"value","required":true,"when":{"field":"body_kind","is":["json","raw"]},"lengthMax":100000},
      {"name":"content_type","label":"Content type","doc":"The media type of a raw body.","kind":"text","storage":"value","required":false,"default":"text/plain","when":{"field":"body_kind","is":["raw"]},"lengthMax":1000},
      {"name":"form","label":"Form fields","doc":"The fields of the form.","kind":"list","storage":"map","required":true,"when":{"field":"body_kind","is":["form"]},"item":"pair"},
      {"name":"idempotent","label":"Safe to repeat","doc":"Whether the other side honours the Idempotency-Key header, so that a call of unknown outcome may be repeated.","kind":"bool","storage":"value","required":false,"default":false,"when":{"field":"mode","is":["http"]}},
      {"name":"timeout_ms","label":"Timeout","doc":"How long a call may take.","kind":"duration","storage":"value","required":false,"default":30000,"when":{"field":"mode","is":["http"]},"min":1,"max":31536000000},
      {"name":"retry","label":"Retry","doc":"How often and how fast a failed attempt is repeated.","kind":"object","storage":"value","required":false,"when":{"field":"mode","is":["http"]},"item":"retry"},
      {"name":"map","label":"Results","doc":"What of the response goes into which variable.","kind":"list","storage":"map","required":false,"item":"mapping"},
      {"name":"mock_status","label":"Status","doc":"The status the mock answers.","kind":"int","storage":"value","required":false,"default":200,"when":{"field":"mode","is":["mock"]},"min":100,"max":599},
      {"name":"mock_body","label":"Body","doc":"The body the mock answers.","kind":"json","storage":"value","required":false,"when":{"field":"mode","is":["mock"]}},
      {"name":"mock_delay_ms","label":"Delay","doc":"How long the mock takes.","kind":"duration","storage":"value","required":false,"default":0,"when":{"field":"mode","is":["mock"]},"min":0,"max":60000},
      {"name":"onError","label":"On error","doc":"What happens when the node fails: the run fails, leaves by the error handle, or goes on with the error in last_error.","kind":"enum","storage":"value","required":false,"default":"stop","choices":[{"value":"stop","label":"Stop the run"},{"value":"port","label":"Leave by the error handle"},{"value":"continue","label":"Go on"}]},
      {"name":"mock","label":"Mock","doc":"In previews and tests the node yields this instead of acting.","kind":"object","storage":"value","required":false,"item":"mock"},
    ],
  },
  delay: {
    "name":"delay","version":1,"label":"Delay","doc":"Waits for a time or until a moment.","executed":true,"hasInput":true,"pauses":true,"handles":[{"id":"out","label":"Out","doc":"The node is done."},{"id":"error","label":"Error","doc":"The node failed.","when":{"field":"onError","is":["port"]}}],
    "fields": [
      {"name":"mode","label":"Wait","doc":"How the end is given.","kind":"enum","storage":"value","required":false,"default":"duration","choices":[{"value":"duration","label":"For a time"},{"value":"until","label":"Until a moment"},{"value":"expression","label":"As an expression says"}]},
      {"name":"duration_ms","label":"Time","doc":"How long to wait, at most 365 days.","kind":"duration","storage":"value","required":true,"when":{"field":"mode","is":["duration"]},"min":0,"max":31536000000},
      {"name":"until","label":"Moment","doc":"When to go on; at once if it is past.","kind":"date","storage":"value","required":true,"when":{"field":"mode","is":["until"]}},
      {"name":"expression","label":"Expression","doc":"Milliseconds, or a date and time.","kind":"expression","storage":"value","required":true,"when":{"field":"mode","is":["expression"]}},
      {"name":"typing","label":"Show typing","doc":"Whether the typing indicator shows meanwhile.","kind":"bool","storage":"value","required":false,"default":false},
      {"name":"onError","label":"On error","doc":"What happens when the node fails: the run fails, leaves by the error handle, or goes on with the error in last_error.","kind":"enum","storage":"value","required":false,"default":"stop","choices":[{"value":"stop","label":"Stop the run"},{"value":"port","label":"Leave by the error handle"},{"value":"continue","label":"Go on"}]},
      {"name":"mock","label":"Mock","doc":"In previews and tests the node yields this instead of acting.","kind":"object","storage":"value","required":false,"item":"mock"},
    ],
  },
  jump: {
    "name":"jump","version":1,"label":"Jump","doc":"Goes on at another node.","executed":true,"hasInput":true,"pauses":false,"handles":[],
    "fields": [
      {"name":"target","label":"Target","doc":"The node where the run goes on.","kind":"nodeRef","storage":"value","required":true},
    ],
  },
  end: {
    "name":"end","version":1,"label":"End","doc":"Ends the run with a result.","executed":true,"hasInput":true,"pauses":false,"handles":[],
    "fields": [
      {"name":"output","label":"Result","doc":"Names and the expressions whose values they get.","kind":"expressions","storage":"map","required":false},
      {"name":"message","label":"Last words","doc":"Markdown sent before the end, with {{ variables }}.","kind":"prose","storage":"text","required":false,"lengthMax":50000},
    ],
  },
  note: {
    "name":"note","version":1,"label":"Note","doc":"A remark on the canvas.","executed":false,"hasInput":false,"pauses":false,"handles":[],
    "fields": [
      {"name":"text","label":"Text","doc":"Markdown.","kind":"prose","storage":"text","required":false,"lengthMax":50000},
      {"name":"colour","label":"Colour","doc":"The paper's colour.","kind":"enum","storage":"value","required":false,"default":"yellow","choices":[{"value":"yellow","label":"Yellow"},{"value":"blue","label":"Blue"},{"value":"green","label":"Green"},{"value":"red","label":"Red"},{"value":"purple","label":"Purple"},{"value":"grey","label":"Grey"}]},
    ],
  },
  group: {
    "name":"group","version":1,"label":"Group","doc":"A frame around other nodes.","executed":false,"hasInput":false,"pauses":false,"handles":[],
    "fields": [
      {"name":"text","label":"Text","doc":"What the group is about.","kind":"prose","storage":"text","required":false,"lengthMax":50000},
      {"name":"colour","label":"Colour","doc":"The frame's colour.","kind":"enum","storage":"value","required":false,"default":"grey","choices":[{"value":"yellow","label":"Yellow"},{"value":"blue","label":"Blue"},{"value":"green","label":"Green"},{"value":"red","label":"Red"},{"value":"purple","label":"Purple"},{"value":"grey","label":"Grey"}]},
    ],
  },
};

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const MIDDLE = 31;

/**
 * A key for `order` between two others; null stands for the end of the list.
 * Answers null where no key fits: a neighbour is no key, or they are not in order.
 */
export function orderBetween(before: string | null, after: string | null): string | null {
  const isKey = (key: string) => /^[0-9A-Za-z]*[1-9A-Za-z]$/.test(key);
  if ((before !== null && !isKey(before)) || (after !== null && !isKey(after))) return null;
  if (after !== null && (before ?? '') >= after) return null;
  return between(before ?? '', after);
}

function between(before: string, after: string | null): string {
  const low = before === '' ? -1 : DIGITS.indexOf(before[0]!);
  if (after === null) {
    if (low < 0) return DIGITS[MIDDLE]!;
    if (low + 1 < DIGITS.length) return DIGITS[low + 1]!;
    return before[0]! + between(before.slice(1), null);
  }
  let same = 0;
  while (same < after.length && (before[same] ?? '0') === after[same]) same += 1;
  if (same > 0) return after.slice(0, same) + between(before.slice(same), after.slice(same));
  const high = DIGITS.indexOf(after[0]!);
  if (low < 0 && high > 1) return DIGITS[high - 1]!;
  const floor = Math.max(low, 0);
  if (high - floor > 1) return DIGITS[Math.floor((floor + high) / 2)]!;
  if (after.length > 1) return after[0]!;
  return DIGITS[floor]! + between(before.slice(1), null);
}
