// The npm package yjs as a long-lived helper of the differential target.
//
//   node yjs.mjs path/to/yjs.mjs
//
// A request is a length (u32, little endian) and so many bytes: a count and that
// many buffers, each with its length before it. The first is a whole document as
// yrs encodes it, the others are updates. The answer is two such buffers: JSON that
// says what both came to, and the document of the updates as yjs encodes it.

import fs from 'node:fs'
import { pathToFileURL } from 'node:url'

const Y = await import(pathToFileURL(process.argv[2]))

/** Roots that an editor holds open. */
const ROOTS = ['nodes', 'meta']

function read(length) {
  const bytes = Buffer.alloc(length)
  let at = 0
  while (at < length) {
    const got = fs.readSync(0, bytes, at, length - at, null)
    if (got === 0) process.exit(0)
    at += got
  }
  return bytes
}

function write(bytes) {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  const all = Buffer.concat([length, bytes])
  for (let at = 0; at < all.length; ) at += fs.writeSync(1, all, at)
}

function request() {
  const bytes = read(read(4).readUInt32LE())
  const buffers = []
  let at = 4
  for (let left = bytes.readUInt32LE(); left > 0; left--) {
    const end = at + 4 + bytes.readUInt32LE(at)
    buffers.push(new Uint8Array(bytes.subarray(at + 4, end)))
    at = end
  }
  return buffers
}

/** A document whose roots have this observer, if there is one. */
function open(observer) {
  const doc = new Y.Doc()
  // After other people's edits a text drops formats that say nothing any more. That is an
  // edit of this client's own, made after reading; here we compare what is read.
  doc.on('beforeTransaction', (transaction) => {
    Object.defineProperty(transaction, '_needFormattingCleanup', { get: () => false, set: () => {} })
  })
  for (const root of ROOTS) {
    const map = doc.getMap(root)
    if (observer !== undefined) map.observeDeep((events) => events.forEach(observer))
  }
  return doc
}

/**
 * What editors ask of an event. Asked for its delta, a text's event deletes format marks that
 * change nothing: that, too, is an edit of this client's own.
 */
function ask(event) {
  return [event.path, event.keys, event.changes.delta]
}

/** Applies updates one after the other; answers what the document came to. */
function apply(doc, updates) {
  for (const [at, update] of updates.entries()) {
    try {
      Y.applyUpdate(doc, update)
    } catch (error) {
      return { error: `${error.stack ?? error}`, at }
    }
    const { pendingStructs, pendingDs } = doc.store
    if (pendingStructs !== null || pendingDs !== null) return { error: 'something is pending', at }
  }
  try {
    for (const root of ROOTS) doc.getMap(root).toJSON()
    return { vector: vector(doc), deleted: deleted(doc), view: view(doc) }
  } catch (error) {
    return { error: `${error.stack ?? error}`, at: updates.length }
  }
}

function vector(doc) {
  return [...Y.decodeStateVector(Y.encodeStateVector(doc))].sort(([a], [b]) => a - b)
}

/** Neighbouring ranges as one: how they are cut is each library's own business. */
function deleted(doc) {
  const all = []
  for (const [client, ranges] of Y.createDeleteSetFromStructStore(doc.store).clients) {
    let last = null
    for (const { clock, len } of ranges) {
      if (last !== null && last[1] + last[2] === clock) last[2] += len
      else all.push((last = [client, clock, len]))
    }
  }
  return all.sort(([a, b], [c, d]) => a - c || b - d)
}

/**
 * Whether every item of a list was put where a client can have put it: behind its origin, before
 * its right origin, with nothing between them that it can have known. Where that is not so, the
 * order in a list depends on the order of integration, in yjs as in yrs.
 */
function orderly(doc) {
  const places = new Map()
  const structs = [...doc.store.clients.values()].flat().filter((struct) => struct instanceof Y.Item)
  const types = structs.filter(({ content }) => content instanceof Y.ContentType).map(({ content }) => content.type)
  for (const type of [...doc.share.values(), ...types]) {
    let at = 0
    for (let item = type._start; item !== null; item = item.right) places.set(item, at++)
  }
  /** Of a clock: which item, and where in it; -1 before the first. */
  const place = (id) => {
    if (id === null) return [-1, 0]
    const item = Y.getItem(doc.store, id)
    return [places.get(item) ?? NaN, id.clock - item.id.clock]
  }
  const before = ([a, offset], [b, other]) => a < b || (a === b && offset < other)
  return structs.every(({ parentSub, origin, rightOrigin }) => {
    if (parentSub !== null || rightOrigin === null) return true
    const right = Y.getItem(doc.store, rightOrigin)
    const rights = rightOrigin.clock > right.id.clock ? Y.createID(rightOrigin.client, rightOrigin.clock - 1) : right.origin
    return before(place(origin), place(rightOrigin)) && !before(place(origin), place(rights ?? null))
  })
}

// What can be seen of a document, as text: `view.rs` writes the same for yrs.

function view(doc) {
  const roots = [...doc.share].map(([name, type]) => [name, inside(type)])
  return sorted(roots.filter(([, text]) => text !== '([]|)')).map(([name, text]) => `${JSON.stringify(name)}${text}`).join('\n')
}

function inside(type) {
  const entries = [...type._map].filter(([, item]) => !item.deleted).map(([key, item]) => [key, entry(item.content)])
  const map = sorted(entries.filter(([, text]) => text !== null)).map(([key, text]) => `${JSON.stringify(key)}=${text}`)
  return `(${sequence(type)}|${map.join(',')})`
}

function entry(content) {
  if (content instanceof Y.ContentString) return JSON.stringify(content.str)
  if (content instanceof Y.ContentAny) return value(content.arr.at(-1))
  return single(content)
}

function single(content) {
  if (content instanceof Y.ContentBinary) return value(content.content)
  if (content instanceof Y.ContentEmbed) return value(content.embed)
  if (content instanceof Y.ContentType) return nested(content.type)
  return null
}

/** Text, embeds and types in their order with their attributes; then, where there is no text, every value. */
function sequence(type) {
  const chunks = []
  const values = []
  const attributes = new Map()
  let text = false
  for (let item = type._start; item !== null; item = item.right) {
    if (item.deleted) continue
    const { content } = item
    if (content instanceof Y.ContentFormat) {
      if (content.value === null) attributes.delete(content.key)
      else attributes.set(content.key, content.value)
    } else if (content instanceof Y.ContentString) {
      text = true
      append(chunks, content.str, attributesOf(attributes))
    } else if (content instanceof Y.ContentAny) {
      values.push(...content.arr.map(value))
    } else {
      values.push(single(content))
      if (content instanceof Y.ContentBinary) continue
      if (typeof content.embed === 'string') append(chunks, content.embed, attributesOf(attributes))
      else chunks.push({ one: single(content), shown: attributesOf(attributes) })
    }
  }
  const shown = chunks.map((chunk) => `${chunk.one ?? JSON.stringify(chunk.text)}${chunk.shown}`).join('')
  return text ? shown : `${shown}[${values.join(',')}]`
}

function append(chunks, text, shown) {
  const last = chunks.at(-1)
  if (last?.text !== undefined && last.shown === shown) last.text += text
  else chunks.push({ text, shown })
}

function attributesOf(attributes) {
  return attributes.size === 0 ? '' : object([...attributes])
}

const KINDS = [
  [Y.XmlText, 'xmltext'],
  [Y.XmlElement, 'xmlelement'],
  [Y.XmlFragment, 'xmlfragment'],
  [Y.Text, 'text'],
  [Y.Array, 'array'],
  [Y.Map, 'map'],
]

function nested(type) {
  const kind = KINDS.find(([kind]) => type instanceof kind)[1]
  const name = kind === 'xmlelement' ? JSON.stringify(type.nodeName) : ''
  const { client, clock } = type._item.id
  return `${kind}${name}@${client}:${clock}${inside(type)}`
}

function value(any) {
  switch (typeof any) {
    case 'number':
      return number(any)
    case 'bigint':
      return `n${any}`
    case 'string':
      return JSON.stringify(any)
    case 'object':
      if (any === null) return 'null'
      if (any instanceof Uint8Array) return `<${Buffer.from(any).toString('hex')}>`
      if (Array.isArray(any)) return `[${any.map(value).join(',')}]`
      return object(Object.entries(any))
    default:
      return `${any}`
  }
}

function number(any) {
  if (Number.isNaN(any)) return '#nan'
  const bits = Buffer.alloc(8)
  // −0 is 0 to everybody who asks.
  bits.writeDoubleBE(any === 0 ? 0 : any)
  return `#${bits.toString('hex')}`
}

function object(entries) {
  return `{${sorted(entries.map(([key, any]) => [key, value(any)])).map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`
}

/** By the bytes of their names, as Rust compares strings. */
function sorted(entries) {
  return entries.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

for (;;) {
  const [whole, ...updates] = request()
  const doc = open()
  const applied = apply(doc, updates)
  const answer = {
    applied,
    asked: apply(open(ask), updates),
    joined: apply(open(), [whole]),
    orderly: applied.error !== undefined || orderly(doc),
  }
  write(Buffer.from(JSON.stringify(answer)))
  write(applied.error === undefined ? Y.encodeStateAsUpdate(doc) : new Uint8Array())
}
