// Writes the first inputs of the corpora: what real clients send, and what is known to
// be bad. Run it again after adding to it; libFuzzer adds the rest.
//
//   node fuzz/seeds.mjs

import fs from 'node:fs'
import path from 'node:path'
import * as Y from '../tests/stock/node_modules/yjs/dist/yjs.mjs'

const corpus = path.join(import.meta.dirname, 'corpus')

function keep(target, name, bytes) {
  fs.mkdirSync(path.join(corpus, target), { recursive: true })
  fs.writeFileSync(path.join(corpus, target, `seed-${name}`), Buffer.from(bytes))
}

function uint(number) {
  const bytes = []
  for (; number > 127; number = Math.floor(number / 128)) bytes.push(128 | number % 128)
  return [...bytes, number]
}

/** Two updates, one after the other, as `flow_fuzz::updates::input` writes them. */
function pair(name, first, second = []) {
  const input = [first.length & 255, first.length >> 8, ...first, ...second]
  keep('updates', name, input)
  keep('concatenate', name, [0, ...input])
  keep('frames', name, [0, 2, ...uint(first.length), ...first])
}

function doc(client, gc = true) {
  const made = new Y.Doc({ gc })
  made.clientID = client
  return made
}

/** The updates of each edit, and the whole at its end. */
function edits(name, gc, ...steps) {
  const made = doc(7, gc)
  const updates = []
  made.on('update', (update) => updates.push(update))
  steps.forEach((step) => made.transact(() => step(made)))
  updates.forEach((update, at) => pair(`${name}-${at}`, update, updates[at + 1] ?? []))
  pair(`${name}-whole`, Y.encodeStateAsUpdate(made), updates.at(-1))
  pair(`${name}-merged`, Y.mergeUpdates(updates.filter((_, at) => at !== 1)), updates[1] ?? [])
  return made
}

function node(made, id) {
  const node = new Y.Map([['type', 'message'], ['typeVersion', 1], ['label', `${id} 😀`]])
  const data = new Y.Map([['blocks', new Y.Map([['b1', new Y.Map([['order', 'a0'], ['text', new Y.Text('Héllo 👋')]])]])]])
  made.getMap('nodes').set(id, node)
  node.set('data', data)
  made.getMap('layout').set(id, { x: 10.5, y: -0, w: 1e9 })
}

for (const gc of [true, false]) {
  const kind = gc ? '' : '-kept'
  edits(`flow${kind}`, gc,
    (d) => d.getMap('meta').set('schema', 1),
    (d) => node(d, 'a'),
    (d) => node(d, 'b'),
    (d) => d.getMap('layout').set('a', { x: -1, y: 2147483648 }),
    (d) => d.getMap('edges').set('e', new Y.Map([['source', 'a'], ['target', 'b']])),
    (d) => d.getMap('nodes').get('a').get('data').get('blocks').get('b1').get('text').insert(2, '😀'),
    (d) => d.getMap('nodes').get('a').get('data').get('blocks').get('b1').get('text').delete(1, 3),
    (d) => d.getMap('nodes').delete('a'),
    (d) => d.getMap('layout').delete('a'))
  edits(`text${kind}`, gc,
    (d) => d.getText('t').insert(0, 'one two 😀 three'),
    (d) => d.getText('t').format(4, 3, { bold: true, link: { to: 0.1 } }),
    (d) => d.getText('t').insertEmbed(2, { image: 'x', size: 123456789012345.67 }),
    (d) => d.getText('t').insertEmbed(2, new Y.Map([['a', 1]])),
    (d) => d.getText('t').delete(1, 6))
  edits(`list${kind}`, gc,
    (d) => d.getArray('l').insert(0, [null, true, 1, -1.5, 1e300, 'x', [1, [2]], { a: { b: [] } }, new Uint8Array([1, 2])]),
    (d) => d.getArray('l').insert(3, [new Y.Array(), new Y.Map(), new Y.Text('x')]),
    (d) => d.getArray('l').delete(2, 4),
    (d) => d.getArray('l').insert(1, [new Y.Array()]),
    (d) => d.getArray('l').get(1).insert(0, ['deep', { a: undefined }]))
  edits(`xml${kind}`, gc,
    (d) => d.getXmlFragment('x').insert(0, [new Y.XmlElement('p'), new Y.XmlText('text')]),
    (d) => d.getXmlFragment('x').get(0).setAttribute('class', 'a'),
    (d) => d.getXmlFragment('x').get(0).insert(0, [new Y.XmlElement('b')]),
    (d) => d.getXmlFragment('x').delete(0, 1))
}

// Two who write at once, each without what the other has; then a hole.
const [ann, ben] = [doc(1), doc(0xffffffff)]
ann.getText('t').insert(0, 'from ann')
ben.getText('t').insert(0, 'from ben')
const early = Y.encodeStateAsUpdate(ann)
Y.applyUpdate(ben, early)
ben.getText('t').insert(4, '!')
ann.getText('t').insert(3, '?')
pair('two-writers', Y.encodeStateAsUpdate(ben), Y.encodeStateAsUpdate(ann))
pair('late-base', Y.encodeStateAsUpdate(ben, Y.encodeStateVectorFromUpdate(early)), early)

const known = [
  ['count-bomb', [255, 255, 255, 122]],
  ['type-15', [1, 1, 5, 0, 7, 1, 1, 0x61, 15, 0]],
  ['type-hook', [1, 1, 5, 0, 7, 1, 1, 0x61, 5, 1, 0x70, 0]],
  ['json-content', [1, 1, 1, 0, 2, 1, 1, 0x61, 1, 1, 0x31, 0]],
  ['two-sections', [2, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0]],
  ['near-overflow', [1, 1, 1, 0, 0, 0xfe, 0xff, 0xff, 0xff, 7, 0]],
  ['reencodes-badly', [1, 6, 3, 0, 4, 1, 1, 116, 1, 104, 129, 228, 0, 2, 132, 3, 2, 2, 108, 33, 1, 1, 109, 1, 97, 1, 167, 3, 5, 1, 40, 0, 3, 113, 6, 1, 98, 1, 125, 2, 1, 3, 2, 1, 2, 5, 1]],
]
known.forEach(([name, bytes]) => pair(name, bytes))

// Choices of who edits, one a byte, of either kind; see flow-fuzz/src/edits.rs.
for (const kind of [1, 2]) {
  for (let state = 1; state <= 8; state += 1) {
    let choice = state
    const choices = Array.from({ length: 96 }, () => (choice = choice * 75 % 65537) & 255)
    keep('concatenate', `edits-${kind}-${state}`, [kind, ...choices])
  }
}

keep('frames', 'step-1', [0, 0, 3, 1, 7, 9])
keep('frames', 'step-1-bomb', [0, 0, 4, 255, 255, 255, 122])
keep('frames', 'step-2', [0, 1, 2, 0, 0])
keep('frames', 'several', [0, 0, 1, 0, 3, 102, 1, 7, 1, 1, 0, 0, 2, 2, 0, 0])
keep('frames', 'denied', [2, 0, 2, 110, 111])
keep('frames', 'barrier-long', [102, 65, ...Array(65).fill(1)])
keep('frames', 'unknown', [50, 1, 2, 3])
const state = Buffer.from('{"cursor":{"x":1},"name":"Ann 😀"}')
const entry = [...uint(7), ...uint(300), state.length, ...state]
keep('awareness', 'nobody', [0])
keep('awareness', 'one', [1, ...entry])
keep('awareness', 'two', [2, ...entry, 1, 0, 4, ...Buffer.from('null')])
keep('awareness', 'bomb', [255, 255, 255, 122])
keep('frames', 'presence', [1, ...uint(entry.length + 1), 1, ...entry])
