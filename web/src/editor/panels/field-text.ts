// Between a field's value and the text in its box.
import type { FieldSpec, Json } from '../../model/fields.generated';
import { formatDuration, parseDuration } from '../../model/duration';
import { isVariableName } from '../../model/ids';

export type Parsed = { value: Json | undefined } | { error: string };

export function printField(spec: FieldSpec, value: Json | undefined): string {
  if (value === undefined) return '';
  if (spec.kind === 'duration' && typeof value === 'number') return formatDuration(value);
  if (spec.kind === 'texts' && Array.isArray(value)) return value.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  if (spec.kind === 'json') return printJson(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What was typed as a value; nothing typed is no value. */
export function parseField(spec: FieldSpec, text: string): Parsed {
  const trimmed = text.trim();
  if (trimmed === '') return { value: undefined };
  switch (spec.kind) {
    case 'int':
    case 'number':
      return inRange(spec, Number(trimmed), spec.kind === 'int');
    case 'duration': {
      const ms = parseDuration(trimmed);
      return ms === null ? { error: 'Write a time such as 30s, 5m or 1h 30m.' } : inRange(spec, ms, true);
    }
    case 'variable':
      return isVariableName(trimmed) ? { value: trimmed } : { error: 'Letters, digits and _ only, not starting with a digit.' };
    case 'texts':
      return { value: text.split('\n').map((line) => line.trim()).filter(Boolean) };
    case 'json':
      return { value: parseJson(text) };
    case 'expression':
    case 'date':
      return { value: trimmed };
    default:
      return { value: text };
  }
}

function inRange(spec: FieldSpec, number: number, whole: boolean): Parsed {
  if (!Number.isFinite(number)) return { error: 'This is not a number.' };
  if (whole && !Number.isSafeInteger(number)) return { error: 'Whole numbers only.' };
  const show = (bound: number) => (spec.kind === 'duration' ? formatDuration(bound) : String(bound));
  if (spec.min !== undefined && number < spec.min) return { error: `At least ${show(spec.min)}.` };
  if (spec.max !== undefined && number > spec.max) return { error: `At most ${show(spec.max)}.` };
  return { value: number };
}

/** A text is shown without quotes, unless it would then be read as something else. */
function printJson(value: Json): string {
  if (typeof value !== 'string') return JSON.stringify(value, null, 1);
  return value !== '' && parseJson(value) === value ? value : JSON.stringify(value);
}

/** What is no JSON is a text: nobody wants to write quotes around a word. */
function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
