// Ten stock clients type, move, undo and redo while versions are restored under them. Then
// half of them undo what they did last while the others go on. Prints one line of JSON: the
// documents they end with, as updates in base64, and how often versions were restored.
//
//   node undo.mjs ws://host/sync FLOW TOKEN
//
// The flow has the node `ask` with a text `prompt`, and that is its version 1.

import { WebsocketProvider } from 'y-websocket'
import WebSocket from 'ws'
import * as Y from 'yjs'

const [, , url, flow, token] = process.argv
const PEOPLE = 10
const ROUNDS = 40
const ROOTS = ['nodes', 'layout', 'edges', 'meta', 'variables', 'settings']
const LOCAL = 'local'

function join(at) {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(url, flow, doc, { WebSocketPolyfill: WebSocket, params: { token }, disableBc: true })
  const person = { at, doc, provider, closed: 0 }
  provider.on('connection-close', () => person.closed++)
  person.undo = new Y.UndoManager(ROOTS.map((root) => doc.getMap(root)), { trackedOrigins: new Set([LOCAL]), captureTimeout: 0 })
  return person
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const prompt = ({ doc }) => doc.getMap('nodes').get('ask')?.get('data')?.get('prompt')
const ids = ({ doc }) => [...doc.getMap('nodes').keys()].sort()

async function until(what, condition) {
  const deadline = Date.now() + 30_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what()}`)
    await pause(5)
  }
}

async function ask(path, body) {
  const answer = await fetch(`${url.replace(/^ws/, 'http').replace(/\/sync$/, '')}/api/flows/${flow}/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  })
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return answer.json()
}

function type(person, letters) {
  const text = prompt(person)
  if (text instanceof Y.Text) person.doc.transact(() => text.insert(text.length, letters), LOCAL)
}

function add({ doc }, id) {
  doc.transact(() => {
    doc.getMap('nodes').set(id, new Y.Map([['type', 'message'], ['typeVersion', 1], ['data', new Y.Map()]]))
    doc.getMap('layout').set(id, { x: 1, y: 2 })
  }, LOCAL)
}

function edit(person, round) {
  switch ((person.at + round) % 5) {
    case 0:
      return type(person, 'x')
    case 1:
      return add(person, `n${person.at}-${round}`)
    case 2:
      return person.doc.transact(() => person.doc.getMap('layout').set('ask', { x: person.at * round, y: round }), LOCAL)
    case 3:
      return person.undo.undo()
    default:
      return person.undo.redo()
  }
}

async function edits(person) {
  for (let round = 0; round < ROUNDS; round++) {
    edit(person, round)
    await pause(10 + person.at)
  }
}

const people = Array.from({ length: PEOPLE }, (_, at) => join(at))
const contents = () => people.map(({ doc }) => JSON.stringify(ROOTS.map((root) => sorted(doc.getMap(root).toJSON()))))
const agree = (what) => until(() => `${what}: ${contents().join('\n')}`, () => new Set(contents()).size === 1)
await until(() => 'first connections', () => people.every((person) => person.provider.synced && prompt(person) instanceof Y.Text))

// Restores follow each other for as long as anybody types.
let restored = 0
let typing = true
const restoring = (async () => {
  while (typing) {
    const { version } = await ask('versions', { name: `Round ${restored}` })
    await ask(`versions/${1 + (restored % version)}/restore`)
    restored++
  }
})()
await Promise.all(people.map(edits))
typing = false
await restoring
await ask('versions/1/restore')
await until(() => `only the first node: ${people.map(ids)}`, () => people.every((person) => ids(person).join() === 'ask'))
await agree('after the last restore')

// What anybody does from here on is theirs to undo, whatever the others do meanwhile.
people.forEach((person) => {
  add(person, `mine-${person.at}`)
  type(person, String(person.at))
})
await agree('after everybody has added and typed')
const [undoing, going] = [people.slice(0, PEOPLE / 2), people.slice(PEOPLE / 2)]
const all = '0123456789'
const shown = (person) => [[...prompt(person).toString()].filter((letter) => all.includes(letter)).sort().join(''), ids(person).filter((id) => id.startsWith('mine')).length].join()
const all_show = (what) => until(() => `${what}: ${people.map(shown)}`, () => people.every((person) => shown(person) === what))
await all_show(`${all},10`)
for (let times = 0; times < 3; times++) {
  for (const way of ['undo', 'redo']) {
    for (let twice = 0; twice < 2; twice++) {
      undoing.forEach((person) => person.undo[way]())
      going.forEach((person) => type(person, 'z'))
      await pause(20)
    }
    await all_show(way === 'undo' ? '56789,5' : `${all},10`)
  }
}

// To the first thing that anybody did, through all that was restored.
for (const { undo } of people) {
  for (let most = 0; undo.canUndo() && most < 1_000; most++) undo.undo()
}
await agree('after everything was undone')
const dropped = people.filter(({ closed }) => closed > 0).map(({ at }) => at)
if (dropped.length > 0) throw new Error(`disconnected: ${dropped}`)
for (const { doc } of people) {
  for (const [id, { x, y }] of doc.getMap('layout')) {
    if (!Number.isFinite(x) || !Number.isFinite(y)) throw new Error(`${id} is at ${x}, ${y}`)
  }
}

const documents = people.map(({ doc }) => Buffer.from(Y.encodeStateAsUpdate(doc)).toString('base64'))
process.stdout.write(JSON.stringify({ documents, restored }), () => process.exit(0))

function sorted(value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]))
}
