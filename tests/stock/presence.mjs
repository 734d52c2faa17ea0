// Three stock clients show themselves; one is cut off, comes back without a change,
// and goes for good. Prints one line of JSON: how long, in milliseconds, until the
// others saw each of it.
//
//   node presence.mjs ws://host/sync FLOW TOKEN

import { WebsocketProvider } from 'y-websocket'
import WebSocket from 'ws'
import * as Y from 'yjs'

const [, , url, flow, token] = process.argv
const DEADLINE_MS = 10_000

function client(name) {
  const options = { WebSocketPolyfill: WebSocket, params: { token }, disableBc: true }
  const provider = new WebsocketProvider(url, flow, new Y.Doc(), options)
  provider.awareness.setLocalStateField('cursor', { x: 1, y: 2, name })
  return provider
}

const [ann, ben, cyd] = ['ann', 'ben', 'cyd'].map(client)
const sees = (who, whom) => who.awareness.getStates().has(whom.doc.clientID)

/** Looks every few milliseconds; answers how long it took. */
async function until(what, look) {
  const start = performance.now()
  while (!look()) {
    if (performance.now() - start > DEADLINE_MS) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return performance.now() - start
}

const everybody = () => [ann, ben, cyd].every((who) => [ann, ben, cyd].every((whom) => sees(who, whom)))

const together = await until('all see each other', everybody)
const stamped = ann.awareness.getStates().get(ben.doc.clientID).user

// No close frame, and no new connection before the others have noticed.
cyd.shouldConnect = false
cyd.ws.terminate()
const gone = await until('the others see that one is gone', () => !sees(ann, cyd) && !sees(ben, cyd))

// Its clock is what it was when the others heard that it had gone.
cyd.connect()
const back = await until('the others see it again', () => sees(ann, cyd) && sees(ben, cyd))

cyd.destroy()
const left = await until('the others see that it has left', () => !sees(ann, cyd) && !sees(ben, cyd))

process.stdout.write(JSON.stringify({ together, gone, back, left, stamped }))
process.exit(0)
