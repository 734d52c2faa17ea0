// Several stock clients edit one flow with drops and offline spells. Prints one
// line of JSON: the documents they end with, as updates in base64.
//
//   node clients.mjs ws://host/sync FLOW TOKEN SEED

import { WebsocketProvider } from 'y-websocket'
import WebSocket from 'ws'
import * as Y from 'yjs'

const [, , url, flow, token, seed] = process.argv
const CLIENTS = 4
/**
 * Every other seed does what flows do not, and leaves emoji out of texts: who formats or
 * undoes half of one is not sure of its other half in yjs either.
 */
const UNUSUAL = Number(seed) % 2 === 0
const ROUNDS = 40
/** Made before the first connection, and never deleted. */
const FIRST = 'before-connecting'

/** Mulberry32: the same seed gives the same run of choices. */
function generator(state) {
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const random = generator(Number(seed))

function client(connect) {
  const doc = new Y.Doc()
  return connected(doc, connect)
}

function connected(doc, connect) {
  const options = { WebSocketPolyfill: WebSocket, params: { token }, disableBc: true, connect }
  const provider = new WebsocketProvider(url, flow, doc, options)
  provider.on('connection-close', (event) => {
    if (event?.code >= 4400 && event.code < 4500) throw new Error(`sent away for good with ${event.code}`)
  })
  const roots = [...['nodes', 'layout', 'edges', 'lists'].map((root) => doc.getMap(root)), doc.getXmlFragment('xml')]
  return { doc, provider, undo: new Y.UndoManager(roots, { captureTimeout: 0 }) }
}

/** The tab is closed and opened again: what it had is read back, collected, under a new client id. */
function reopen(each) {
  each.provider.destroy()
  const doc = new Y.Doc()
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(each.doc))
  Object.assign(each, connected(doc, true))
}

function addNode(doc, id) {
  doc.transact(() => {
    const node = new Y.Map()
    const data = new Y.Map()
    const text = new Y.Text()
    text.insert(0, `Hello from ${id} ${UNUSUAL ? '' : '👋'}`)
    data.set('note', text)
    node.set('type', 'note')
    node.set('typeVersion', 1)
    node.set('label', id)
    node.set('data', data)
    doc.getMap('nodes').set(id, node)
    doc.getMap('layout').set(id, { x: random(1000), y: random(1000) })
  })
}

/** What flows do not use and any client of Yjs may. */
function unusual(each, at, round) {
  const { doc, undo } = each
  const lists = doc.getMap('lists')
  const list = () => lists.get(`l${random(2)}`) ?? lists.set(`l${random(2)}`, new Y.Array())
  const text = [...doc.getMap('nodes').values()].map((node) => node.get('data')?.get('note')).find((note) => note instanceof Y.Text)
  const xml = doc.getXmlFragment('xml')
  switch (random(10)) {
    case 0:
      return undo.undo()
    case 1:
      return undo.redo()
    case 2: {
      const entries = list()
      return entries.insert(random(entries.length + 1), [round, { deep: [at, null] }, new Y.Map([['at', at]]), 'x'])
    }
    case 3: {
      const entries = list()
      return entries.length > 1 && entries.delete(random(entries.length - 1), 1 + random(2))
    }
    case 4: {
      const entries = list()
      const inner = entries.toArray().find((entry) => entry instanceof Y.Map)
      return inner?.set(`k${random(2)}`, random(2) ? round : new Y.Text(`t${round}`))
    }
    case 5:
      return text?.length > 3 && text.format(random(text.length - 2), 2, { bold: random(2) ? true : null })
    case 6:
      return text?.insertEmbed(random(text.length + 1), { image: round })
    case 7:
      return text?.length > 3 && text.applyDelta([{ retain: 1 }, { delete: 1 }, { insert: 'é', attributes: { link: 'x' } }])
    case 8: {
      const element = new Y.XmlElement('p')
      element.setAttribute('at', `${at}`)
      element.insert(0, [new Y.XmlText('hello'), new Y.XmlElement('b')])
      return xml.insert(random(xml.length + 1), [element])
    }
    default:
      return xml.length > 0 && random(2) ? xml.delete(random(xml.length), 1) : reopen(each)
  }
}

function edit(each, at, round) {
  const { doc } = each
  const nodes = doc.getMap('nodes')
  const ids = [...nodes.keys()]
  const id = ids[random(Math.max(ids.length, 1))]
  switch (ids.length < 3 ? 0 : random(UNUSUAL ? 10 : 6)) {
    case 0:
      return addNode(doc, `c${at}r${round}`)
    case 1:
      return doc.getMap('layout').set(id, { x: random(1000), y: random(1000) })
    case 2: {
      const source = ids[random(ids.length)]
      const edge = new Y.Map([['source', source], ['target', id], ['label', `${round}`]])
      return doc.getMap('edges').set(`${source}-${id}`, edge)
    }
    case 3: {
      const text = nodes.get(id)?.get('data')?.get('note')
      if (text instanceof Y.Text) text.insert(random(text.length + 1), '✓x')
      return
    }
    case 4: {
      const text = nodes.get(id)?.get('data')?.get('note')
      if (text instanceof Y.Text && text.length > 2) text.delete(random(text.length - 1), 1)
      return
    }
    case 5:
      if (id === FIRST) return
      return doc.transact(() => {
        nodes.delete(id)
        doc.getMap('layout').delete(id)
      })
    default:
      return unusual(each, at, round)
  }
}

/** Drops the socket under the client, as a network does, or goes offline. */
function disturb({ provider }) {
  switch (random(8)) {
    case 0:
      provider.ws?.terminate?.()
      break
    case 1:
      provider.disconnect()
      break
    default:
      if (!provider.shouldConnect) provider.connect()
  }
}

async function until(what, condition) {
  const deadline = Date.now() + 30_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what()}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const encode = (doc) => Buffer.from(Y.encodeStateAsUpdate(doc)).toString('base64')
const vector = (doc) => JSON.stringify([...Y.decodeStateVector(Y.encodeStateVector(doc))].sort())

// The first client edits before it has ever connected.
const clients = Array.from({ length: CLIENTS }, (_, at) => client(at > 0))
addNode(clients[0].doc, FIRST)
clients[0].provider.connect()
await until(() => 'first connections', () => clients.every(({ provider }) => provider.synced))

for (let round = 0; round < ROUNDS; round++) {
  for (const [at, each] of clients.entries()) {
    edit(each, at, round)
    disturb(each)
  }
  await new Promise((resolve) => setTimeout(resolve, random(20)))
}

clients.forEach(({ provider }) => provider.connect())
const fresh = client(true)
const all = [...clients, fresh]
const vectors = () => all.map(({ doc }) => vector(doc))
await until(
  () => `equal documents, but ${vectors().join(' ')}`,
  () => all.every(({ provider }) => provider.synced) && new Set(vectors()).size === 1,
)
// Deletions are in no state vector: documents are equal once their content is.
const contents = () => all.map(({ doc }) => JSON.stringify(sorted(['nodes', 'layout', 'edges', 'lists'].map((root) => doc.getMap(root).toJSON()))))
await until(() => `equal contents, but ${contents().join('\n')}`, () => new Set(contents()).size === 1)

console.log(JSON.stringify({ documents: all.map(({ doc }) => encode(doc)) }))
process.exit(0)

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]))
}
