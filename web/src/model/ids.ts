import { sha256 } from '@noble/hashes/sha2.js';

import { DEFAULT_OUTPUT, ID_LENGTH_MAX } from './fields.generated';

/** A fresh id for a node or an item: 96 random bits. */
export function newId(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(12)));
}

/** The two ends of an edge, as the document names them. */
export interface EdgeEnds {
  source: string;
  sourceHandle?: string | null | undefined;
  target: string;
  targetHandle?: string | null | undefined;
}

/** Ends as we write them: the default output by its name, the one input not at all. */
export function canonicalEnds(ends: EdgeEnds): { source: string; sourceHandle: string; target: string; targetHandle?: string } {
  const { source, target } = ends;
  const sourceHandle = ends.sourceHandle || DEFAULT_OUTPUT;
  return ends.targetHandle ? { source, sourceHandle, target, targetHandle: ends.targetHandle } : { source, sourceHandle, target };
}

/**
 * The id of an edge follows from its ends, so that two people who draw the same
 * edge at the same time draw one. The server computes the same.
 */
export function edgeId({ source, sourceHandle, target, targetHandle }: EdgeEnds): string {
  const text = JSON.stringify([source, sourceHandle || '', target, targetHandle || '']);
  return base64url(sha256(new TextEncoder().encode(text)).subarray(0, 16));
}

/**
 * Whether a text may name a node, an edge, an item or a field. `__proto__` would
 * change what an object keyed by it is, `/` separates the parts of a field's path.
 */
export function isKey(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return text !== '' && text !== '__proto__' && !/[/\u0000-\u001f\u007f-\u009f]/.test(text) && [...text].length <= ID_LENGTH_MAX;
}

/** Whether a text may name a variable: what an expression can name. */
export function isVariableName(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(text) && text.length <= ID_LENGTH_MAX;
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
